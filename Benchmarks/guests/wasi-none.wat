;; The module of wasi-small.wat without imports, and without what calls one.
(module
  (memory (export "memory") 1)
  (data (i32.const 1024) "\10\04\00\00\0a\00\00\00\00\00\00\00\00\00\00\00hello you\n")

  (func (export "nothing") (param i32) (result i32) (local.get 0))

  (func (export "store") (param i32) (result i32)
    (i32.store (i32.const 1032) (local.get 0))
    (i32.load (i32.const 1032))))
