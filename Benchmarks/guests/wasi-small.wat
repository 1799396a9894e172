;; A small program that imports WASI: what a fresh instance costs with a context of its own. See wasi-none.wat.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (memory (export "memory") 1)
  ;; A vector: ten bytes that begin at 1040. How many were written is stored at 1032.
  (data (i32.const 1024) "\10\04\00\00\0a\00\00\00\00\00\00\00\00\00\00\00hello you\n")

  (func (export "nothing") (param i32) (result i32) (local.get 0))

  ;; Touches the page that `write` does.
  (func (export "store") (param i32) (result i32)
    (i32.store (i32.const 1032) (local.get 0))
    (i32.load (i32.const 1032)))

  ;; How many bytes were written, and the error's number from bit 16 on.
  (func (export "write") (param i32) (result i32)
    (i32.or
      (i32.shl (call $fd_write (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 1032)) (i32.const 16))
      (i32.load (i32.const 1032)))))
