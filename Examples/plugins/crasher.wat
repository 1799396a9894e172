;; A plug-in with a mistake: in its second round it divides by zero, two calls deep.
(module $crasher
  (func $share (param $of i32) (param $among i32) (result i32)
    (i32.div_u (local.get $of) (local.get $among)))
  (func $shares (param $round i32) (result i32)
    (call $share (i32.const 100) (i32.sub (i32.const 2) (local.get $round))))
  (func $run (export "run") (param $round i32) (result i32)
    (call $shares (local.get $round))))
