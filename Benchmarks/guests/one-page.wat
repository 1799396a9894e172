;; One page of zeroes: the least a module with a memory can ask for.
(module
  (memory (export "memory") 1))
