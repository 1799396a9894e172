;; A plug-in that stores more than it may: the host function throws, which ends it.
(module $hoarder
  (import "kv" "put" (func $put (param $key i32) (param $size i32) (param $value i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "a")
  (func (export "run") (param $round i32) (result i32)
    (loop $again
      (call $put (i32.const 0) (i32.const 1) (i64.const 0))
      ;; The next key is the next letter.
      (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
      (br $again))
    (unreachable)))
