;; Loops of calls. Each adds 3 a call and returns the sum. The called functions end in a memory access each, so that no engine
;; computes the sum without calling.
(module
  (import "host" "add" (func $host (param i32 i32) (result i32)))
  (type $step (func (param i32) (result i32)))
  (memory 1)
  (table 4 funcref)
  (elem (i32.const 0) $a $b $c $d)
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "host") (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (call $host (local.get $sum) (i32.const 3)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  (func (export "indirect") (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum
          (call_indirect (type $step) (local.get $sum) (i32.and (local.get $count) (i32.const 3))))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  (func (export "direct") (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (call $a (local.get $sum)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $sum))
  (func $a (param i32) (result i32) (i32.store (i32.const 0) (local.get 0)) (i32.add (local.get 0) (i32.const 3)))
  (func $b (param i32) (result i32) (i32.store (i32.const 4) (local.get 0)) (i32.add (local.get 0) (i32.const 3)))
  (func $c (param i32) (result i32) (i32.store (i32.const 8) (local.get 0)) (i32.add (local.get 0) (i32.const 3)))
  (func $d (param i32) (result i32) (i32.store (i32.const 12) (local.get 0)) (i32.add (local.get 0) (i32.const 3))))
