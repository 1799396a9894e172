;; The number of bits set in 16 KiB: per byte, then added in pairs to 16 and to 32 bits.
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

  (func (export "run") (param $iterations i32) (result i32)
    (local $at i32)
    (local $sum v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $sum
          (i32x4.add (local.get $sum)
            (i32x4.extadd_pairwise_i16x8_u
              (i16x8.extadd_pairwise_i8x16_u (i8x16.popcnt (v128.load (local.get $at)))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (i32.add
      (i32.add (i32x4.extract_lane 0 (local.get $sum)) (i32x4.extract_lane 1 (local.get $sum)))
      (i32.add (i32x4.extract_lane 2 (local.get $sum)) (i32x4.extract_lane 3 (local.get $sum))))))
