;; The brightness of 4096 pixels of red, green, blue and alpha: colours are separated by shuffles, weighted in 16 bits
;; and narrowed.
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
    (local $p v128) (local $q v128) (local $rg v128) (local $ba v128) (local $low v128) (local $high v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (local.set $to (i32.const 0))
      (loop $next
        (local.set $p (v128.load (local.get $at)))
        (local.set $q (v128.load offset=16 (local.get $at)))
        (local.set $rg
          (i8x16.shuffle 0 4 8 12 16 20 24 28 1 5 9 13 17 21 25 29 (local.get $p) (local.get $q)))
        (local.set $ba
          (i8x16.shuffle 2 6 10 14 18 22 26 30 3 7 11 15 19 23 27 31 (local.get $p) (local.get $q)))
        (local.set $low
          (i16x8.shr_u
            (i16x8.add
              (i16x8.add
                (i16x8.extmul_low_i8x16_u
                  (local.get $rg)
                  (v128.const i8x16 77 77 77 77 77 77 77 77 77 77 77 77 77 77 77 77))
                (i16x8.extmul_high_i8x16_u
                  (local.get $rg)
                  (v128.const i8x16 150 150 150 150 150 150 150 150 150 150 150 150 150 150 150 150)))
              (i16x8.add
                (i16x8.extmul_low_i8x16_u
                  (local.get $ba)
                  (v128.const i8x16 29 29 29 29 29 29 29 29 29 29 29 29 29 29 29 29))
                (v128.const i16x8 128 128 128 128 128 128 128 128)))
            (i32.const 8)))
        (local.set $p (v128.load offset=32 (local.get $at)))
        (local.set $q (v128.load offset=48 (local.get $at)))
        (local.set $rg
          (i8x16.shuffle 0 4 8 12 16 20 24 28 1 5 9 13 17 21 25 29 (local.get $p) (local.get $q)))
        (local.set $ba
          (i8x16.shuffle 2 6 10 14 18 22 26 30 3 7 11 15 19 23 27 31 (local.get $p) (local.get $q)))
        (local.set $high
          (i16x8.shr_u
            (i16x8.add
              (i16x8.add
                (i16x8.extmul_low_i8x16_u
                  (local.get $rg)
                  (v128.const i8x16 77 77 77 77 77 77 77 77 77 77 77 77 77 77 77 77))
                (i16x8.extmul_high_i8x16_u
                  (local.get $rg)
                  (v128.const i8x16 150 150 150 150 150 150 150 150 150 150 150 150 150 150 150 150)))
              (i16x8.add
                (i16x8.extmul_low_i8x16_u
                  (local.get $ba)
                  (v128.const i8x16 29 29 29 29 29 29 29 29 29 29 29 29 29 29 29 29))
                (v128.const i16x8 128 128 128 128 128 128 128 128)))
            (i32.const 8)))
        (v128.store offset=16384 (local.get $to) (i8x16.narrow_i16x8_u (local.get $low) (local.get $high)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 20480))))
