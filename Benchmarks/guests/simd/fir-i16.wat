;; A filter with 16 coefficients over 4096 samples of 16 bits, four results at a time: products are added in pairs, the
;; lanes of four vectors by a transposition.
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
    (local $taps0 v128) (local $taps1 v128) (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (call $fill (i32.const 0) (i32.const 8256))
    (local.set $taps0 (v128.const i16x8 -53 118 -240 466 -863 1593 -3332 10370))
    (local.set $taps1 (v128.const i16x8 10370 -3332 1593 -863 466 -240 118 -53))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $s0
          (i32x4.add
            (i32x4.dot_i16x8_s (v128.load (local.get $at)) (local.get $taps0))
            (i32x4.dot_i16x8_s (v128.load offset=16 (local.get $at)) (local.get $taps1))))
        (local.set $s1
          (i32x4.add
            (i32x4.dot_i16x8_s (v128.load offset=2 (local.get $at)) (local.get $taps0))
            (i32x4.dot_i16x8_s (v128.load offset=18 (local.get $at)) (local.get $taps1))))
        (local.set $s2
          (i32x4.add
            (i32x4.dot_i16x8_s (v128.load offset=4 (local.get $at)) (local.get $taps0))
            (i32x4.dot_i16x8_s (v128.load offset=20 (local.get $at)) (local.get $taps1))))
        (local.set $s3
          (i32x4.add
            (i32x4.dot_i16x8_s (v128.load offset=6 (local.get $at)) (local.get $taps0))
            (i32x4.dot_i16x8_s (v128.load offset=22 (local.get $at)) (local.get $taps1))))
        ;; Lanes of two sums side by side, added, then those of all four.
        (local.set $s0
          (i32x4.add
            (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $s0) (local.get $s1))
            (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $s0) (local.get $s1))))
        (local.set $s2
          (i32x4.add
            (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $s2) (local.get $s3))
            (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $s2) (local.get $s3))))
        (local.set $s0
          (i32x4.shr_s
            (i32x4.add
              (i32x4.add
                (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $s0) (local.get $s2))
                (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $s0) (local.get $s2)))
              (v128.const i32x4 16384 16384 16384 16384))
            (i32.const 15)))
        (v128.store64_lane offset=16384 0 (local.get $at)
          (i16x8.narrow_i32x4_s (local.get $s0) (local.get $s0)))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 8192))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 24576))))
