;; Seventeen pages with one short data segment: the shape of a small C or Rust program.
(module
  (memory (export "memory") 17)
  (data (i32.const 0)
    "A data segment of about four hundred bytes at address zero, seventeen pages of memory around it. This is the shape a small C or Rust program takes: a little read-only data, the rest zero, a stack and a heap that the program has not used yet. The engine may copy the bytes in or map an image of them; what counts is the time for one fresh instance with these bytes in place, from nothing to gone again."))
