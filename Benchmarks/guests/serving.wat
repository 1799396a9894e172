;; What a server's guests do: wait, compute, and never end.
(module
  (import "host" "wait" (func $wait (param i32) (result i32)))
  (memory 16384)
  (func (export "return") (param i32) (result i32) (local.get 0))
  (func (export "wait") (param $count i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $wait (local.get $count))))
      (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $sum))
  (func (export "compute") (param $rounds i32) (result i32)
    (local $value i32)
    (loop $again
      (local.set $value
        (i32.add (i32.rotl (i32.mul (local.get $value) (i32.const 747796405)) (i32.const 5)) (local.get $rounds)))
      (br_if $again (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (local.get $value))
  (func (export "loop") (loop $again (br $again)))
  (func $recur (export "recur")
    (loop $again (call $deeper (i32.const 1000)) (br $again)))
  (func $deeper (param $depth i32)
    (if (local.get $depth) (then (call $deeper (i32.sub (local.get $depth) (i32.const 1))))))
  (func (export "fill")
    (loop $again
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x3FFFFFFF))
      (br $again))))
