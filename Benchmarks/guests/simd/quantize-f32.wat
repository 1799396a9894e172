;; 4096 floats to signed bytes, rounded to the nearest and saturated, and from those back to whole numbers that are not
;; negative.
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

  ;; Makes of the words from $at up to $end floats between -1 and 1.
  (func $floats (param $at i32) (param $end i32)
    (loop $next
      (f32.store (local.get $at)
        (f32.mul (f32.convert_i32_s (i32.load (local.get $at))) (f32.const 0x1p-31)))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
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
    (local $bytes v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (call $floats (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $bytes
          (i8x16.narrow_i16x8_s
            (i16x8.narrow_i32x4_s
                (i32x4.trunc_sat_f32x4_s
                  (f32x4.nearest (f32x4.mul (v128.load (local.get $at)) (v128.const f32x4 160 160 160 160))))
                (i32x4.trunc_sat_f32x4_s
                  (f32x4.nearest
                    (f32x4.mul (v128.load offset=16 (local.get $at)) (v128.const f32x4 160 160 160 160)))))
            (i16x8.narrow_i32x4_s
                (i32x4.trunc_sat_f32x4_s
                  (f32x4.nearest
                    (f32x4.mul (v128.load offset=32 (local.get $at)) (v128.const f32x4 160 160 160 160))))
                (i32x4.trunc_sat_f32x4_s
                  (f32x4.nearest
                    (f32x4.mul (v128.load offset=48 (local.get $at)) (v128.const f32x4 160 160 160 160)))))))
        (v128.store offset=16384 (local.get $at)
          (f32x4.convert_i32x4_s
            (i32x4.trunc_sat_f32x4_u
              (f32x4.add
                (f32x4.mul
                  (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (i16x8.extend_low_i8x16_s (local.get $bytes))))
                  (v128.const f32x4 1.5 1.5 1.5 1.5))
                (v128.const f32x4 16.5 16.5 16.5 16.5)))))
        (v128.store offset=16400 (local.get $at)
          (f32x4.convert_i32x4_s
            (i32x4.trunc_sat_f32x4_u
              (f32x4.add
                (f32x4.mul
                  (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (i16x8.extend_low_i8x16_s (local.get $bytes))))
                  (v128.const f32x4 1.5 1.5 1.5 1.5))
                (v128.const f32x4 16.5 16.5 16.5 16.5)))))
        (v128.store offset=16416 (local.get $at)
          (f32x4.convert_i32x4_s
            (i32x4.trunc_sat_f32x4_u
              (f32x4.add
                (f32x4.mul
                  (f32x4.convert_i32x4_s (i32x4.extend_low_i16x8_s (i16x8.extend_high_i8x16_s (local.get $bytes))))
                  (v128.const f32x4 1.5 1.5 1.5 1.5))
                (v128.const f32x4 16.5 16.5 16.5 16.5)))))
        (v128.store offset=16432 (local.get $at)
          (f32x4.convert_i32x4_s
            (i32x4.trunc_sat_f32x4_u
              (f32x4.add
                (f32x4.mul
                  (f32x4.convert_i32x4_s (i32x4.extend_high_i16x8_s (i16x8.extend_high_i8x16_s (local.get $bytes))))
                  (v128.const f32x4 1.5 1.5 1.5 1.5))
                (v128.const f32x4 16.5 16.5 16.5 16.5)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 32768))))
