;; A plug-in that keeps its state with the host: it counts its runs under a key of its own, and waits for the store twice.
(module $counter
  (import "kv" "get" (func $get (param $key i32) (param $size i32) (result i64)))
  (import "kv" "put" (func $put (param $key i32) (param $size i32) (param $value i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "runs")
  (func (export "run") (param $round i32) (result i32)
    (local $runs i64)
    (local.set $runs (i64.add (call $get (i32.const 0) (i32.const 4)) (i64.const 1)))
    (call $put (i32.const 0) (i32.const 4) (local.get $runs))
    (i32.wrap_i64 (local.get $runs))))
