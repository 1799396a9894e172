;; Finds all places of one byte in 16 KiB of noise, one call each: on average every 256th byte.
(module
  (memory 2)

  ;; Noise (xorshift) from $at up to $end.
  (func $fill (param $at i32) (param $end i32)
    (local $noise i64)
    (local.set $noise (i64.const 0x9E3779B97F4A7C15))
    (loop $next
      (local.set $noise (i64.xor (local.get $noise) (i64.shl (local.get $noise) (i64.const 13))))
      (local.set $noise (i64.xor (local.get $noise) (i64.shr_u (local.get $noise) (i64.const 7))))
      (local.set $noise (i64.xor (local.get $noise) (i64.shl (local.get $noise) (i64.const 17))))
      (i64.store (local.get $at) (local.get $noise))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))

  ;; The first place of $byte from $at on, or $end.
  (func $find (param $at i32) (param $end i32) (param $byte i32) (result i32)
    (local $wanted v128) (local $found i32)
    (local.set $wanted (i8x16.splat (local.get $byte)))
    (block $none
      (loop $next
        (br_if $none (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $found (i8x16.bitmask (i8x16.eq (v128.load (local.get $at)) (local.get $wanted))))
        (if (local.get $found)
          (then (return (i32.add (local.get $at) (i32.ctz (local.get $found))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $next)))
    (local.get $end))

  (func (export "run") (param $iterations i32) (result i32)
    (local $at i32) (local $sum i32)
    (call $fill (i32.const 0) (i32.const 16400))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $at (call $find (local.get $at) (i32.const 16384) (i32.const 10)))
        (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (local.get $at)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (local.get $sum)))
