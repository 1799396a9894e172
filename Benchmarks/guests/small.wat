;; A small guest of a host that has very many of them: it writes to one page of a memory that stays small.
(module
  (memory (export "memory") 1 16)

  (func (export "touch") (param $value i32) (result i32)
    (i32.store (i32.const 4096) (i32.add (i32.load (i32.const 4096)) (local.get $value)))
    (i32.load (i32.const 4096))))
