;; A rule: denies what has a script in it.
(module $no_script
  (import "rule" "body_size" (func $size (result i32)))
  (import "rule" "read_body" (func $read (param $address i32)))
  (import "rule" "reason" (func $reason (param $address i32) (param $size i32)))
  (memory 1)
  (data (i32.const 0) "<script")
  (data (i32.const 16) "contains a script")
  (func (export "evaluate") (result i32)
    (local $at i32) (local $i i32) (local $last i32)
    (call $read (i32.const 1024))
    (local.set $last (i32.sub (call $size) (i32.const 7)))
    (block $none
      (loop $next
        (br_if $none (i32.gt_s (local.get $at) (local.get $last)))
        (local.set $i (i32.const 0))
        (block $differs
          (loop $same
            (br_if $differs
              (i32.ne
                (i32.load8_u offset=1024 (i32.add (local.get $at) (local.get $i)))
                (i32.load8_u (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $same (i32.lt_u (local.get $i) (i32.const 7))))
          (call $reason (i32.const 16) (i32.const 17))
          (return (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.const 0)))
