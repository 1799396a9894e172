;; Lays 4096 pixels with premultiplied alpha over others: above + below * (255 - alpha) / 255, rounded and saturated.
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

  ;; A sum of the words from $at up to $end in which their order counts.
  (func $sum (param $at i32) (param $end i32) (result i32)
    (local $sum i32)
    (loop $next
      (local.set $sum
        (i32.add (i32.mul (local.get $sum) (i32.const 31)) (i32.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $sum))

  (func (export "run") (param $iterations i32) (result i32)
    (local $at i32)
    (local $above v128) (local $below v128) (local $rest v128) (local $low v128) (local $high v128)
    (call $fill (i32.const 0) (i32.const 32768))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $above (v128.load (local.get $at)))
        (local.set $below (v128.load offset=16384 (local.get $at)))
        (local.set $rest
          (v128.not
            (i8x16.shuffle 3 3 3 3 7 7 7 7 11 11 11 11 15 15 15 15 (local.get $above) (local.get $above))))
        (local.set $low
          (i16x8.add
            (i16x8.extmul_low_i8x16_u (local.get $below) (local.get $rest))
            (v128.const i16x8 128 128 128 128 128 128 128 128)))
        (local.set $low
          (i16x8.shr_u
            (i16x8.add (local.get $low) (i16x8.shr_u (local.get $low) (i32.const 8)))
            (i32.const 8)))
        (local.set $high
          (i16x8.add
            (i16x8.extmul_high_i8x16_u (local.get $below) (local.get $rest))
            (v128.const i16x8 128 128 128 128 128 128 128 128)))
        (local.set $high
          (i16x8.shr_u
            (i16x8.add (local.get $high) (i16x8.shr_u (local.get $high) (i32.const 8)))
            (i32.const 8)))
        (v128.store offset=32768 (local.get $at)
          (i8x16.add_sat_u (local.get $above) (i8x16.narrow_i16x8_u (local.get $low) (local.get $high))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 32768) (i32.const 49152))))
