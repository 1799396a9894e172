;; Base64 of 12 KiB, twelve bytes at a time: shifts and masks make sixteen numbers of six bits, a swizzle finds what is
;; to be added to each to make its letter.
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
    (local $at i32) (local $to i32)
    (local $in v128) (local $range v128)
    (call $fill (i32.const 0) (i32.const 12296))
    (loop $again
      (local.set $at (i32.const 0))
      (local.set $to (i32.const 0))
      (loop $next
        (local.set $in (v128.load (local.get $at)))
        (local.set $in
          (i8x16.shuffle 1 0 2 1 4 3 5 4 7 6 8 7 10 9 11 10 (local.get $in) (local.get $in)))
        (local.set $in
          (v128.or
            (v128.or
              (v128.and
                (i32x4.shr_u (local.get $in) (i32.const 10))
                (v128.const i32x4 0x0000003F 0x0000003F 0x0000003F 0x0000003F))
              (v128.and
                (i32x4.shl (local.get $in) (i32.const 4))
                (v128.const i32x4 0x00003F00 0x00003F00 0x00003F00 0x00003F00)))
            (v128.or
              (v128.and
                (i32x4.shr_u (local.get $in) (i32.const 6))
                (v128.const i32x4 0x003F0000 0x003F0000 0x003F0000 0x003F0000))
              (v128.and
                (i32x4.shl (local.get $in) (i32.const 8))
                (v128.const i32x4 0x3F000000 0x3F000000 0x3F000000 0x3F000000)))))
        ;; 0 to 25 become 13, 26 to 51 become 0, the others 1 to 12.
        (local.set $range
          (v128.or
            (i8x16.sub_sat_u (local.get $in) (v128.const i8x16 51 51 51 51 51 51 51 51 51 51 51 51 51 51 51 51))
            (v128.and
              (i8x16.lt_s (local.get $in) (v128.const i8x16 26 26 26 26 26 26 26 26 26 26 26 26 26 26 26 26))
              (v128.const i8x16 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13 13))))
        (v128.store offset=16384 (local.get $to)
          (i8x16.add (local.get $in)
            (i8x16.swizzle
              (v128.const i8x16 71 -4 -4 -4 -4 -4 -4 -4 -4 -4 -4 -19 -16 65 0 0)
              (local.get $range))))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $at (i32.add (local.get $at) (i32.const 12)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 12288))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 32768))))
