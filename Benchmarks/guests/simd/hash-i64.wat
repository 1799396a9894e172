;; A hash in the manner of XXH3 of 16 KiB: eight sums of 64 bits, to which products of halves of data and key are added;
;; after each kibibyte they are scrambled by a multiplication.
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
    (local $at i32) (local $key i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128) (local $data v128) (local $keyed v128)
    (call $fill (i32.const 0) (i32.const 16640))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $block
        (local.set $key (i32.const 0))
        (loop $next
          (local.set $data (v128.load (local.get $at)))
          (local.set $keyed (v128.xor (local.get $data) (v128.load offset=16384 (local.get $key))))
          (local.set $s0
            (i64x2.add
              (i64x2.add (local.get $s0)
                (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
              (i64x2.extmul_low_i32x4_u
                (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
                (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
          (local.set $data (v128.load offset=16 (local.get $at)))
          (local.set $keyed (v128.xor (local.get $data) (v128.load offset=16400 (local.get $key))))
          (local.set $s1
            (i64x2.add
              (i64x2.add (local.get $s1)
                (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
              (i64x2.extmul_low_i32x4_u
                (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
                (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
          (local.set $data (v128.load offset=32 (local.get $at)))
          (local.set $keyed (v128.xor (local.get $data) (v128.load offset=16416 (local.get $key))))
          (local.set $s2
            (i64x2.add
              (i64x2.add (local.get $s2)
                (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
              (i64x2.extmul_low_i32x4_u
                (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
                (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
          (local.set $data (v128.load offset=48 (local.get $at)))
          (local.set $keyed (v128.xor (local.get $data) (v128.load offset=16432 (local.get $key))))
          (local.set $s3
            (i64x2.add
              (i64x2.add (local.get $s3)
                (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $data) (local.get $data)))
              (i64x2.extmul_low_i32x4_u
                (i8x16.shuffle 0 1 2 3 8 9 10 11 0 1 2 3 8 9 10 11 (local.get $keyed) (local.get $keyed))
                (i8x16.shuffle 4 5 6 7 12 13 14 15 4 5 6 7 12 13 14 15 (local.get $keyed) (local.get $keyed)))))
          (local.set $at (i32.add (local.get $at) (i32.const 64)))
          (local.set $key (i32.add (local.get $key) (i32.const 8)))
          (br_if $next (i32.lt_u (local.get $key) (i32.const 128))))
        (local.set $s0
          (i64x2.mul
            (v128.xor
              (v128.xor (local.get $s0) (i64x2.shr_u (local.get $s0) (i32.const 47)))
              (v128.load offset=16512 (i32.const 0)))
            (v128.const i64x2 0x9E3779B1 0x9E3779B1)))
        (local.set $s1
          (i64x2.mul
            (v128.xor
              (v128.xor (local.get $s1) (i64x2.shr_u (local.get $s1) (i32.const 47)))
              (v128.load offset=16528 (i32.const 0)))
            (v128.const i64x2 0x9E3779B1 0x9E3779B1)))
        (local.set $s2
          (i64x2.mul
            (v128.xor
              (v128.xor (local.get $s2) (i64x2.shr_u (local.get $s2) (i32.const 47)))
              (v128.load offset=16544 (i32.const 0)))
            (v128.const i64x2 0x9E3779B1 0x9E3779B1)))
        (local.set $s3
          (i64x2.mul
            (v128.xor
              (v128.xor (local.get $s3) (i64x2.shr_u (local.get $s3) (i32.const 47)))
              (v128.load offset=16560 (i32.const 0)))
            (v128.const i64x2 0x9E3779B1 0x9E3779B1)))
        (br_if $block (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (local.set $s0
      (v128.xor (v128.xor (local.get $s0) (local.get $s1)) (v128.xor (local.get $s2) (local.get $s3))))
    (i32.xor
      (i32.xor (i32x4.extract_lane 0 (local.get $s0)) (i32x4.extract_lane 1 (local.get $s0)))
      (i32.xor (i32x4.extract_lane 2 (local.get $s0)) (i32x4.extract_lane 3 (local.get $s0))))))
