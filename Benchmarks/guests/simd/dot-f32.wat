;; The dot product of two arrays of 4096 floats, with four sums at once.
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

  (func (export "run") (param $iterations i32) (result i32)
    (local $at i32)
    (local $s0 v128) (local $s1 v128) (local $s2 v128) (local $s3 v128)
    (call $fill (i32.const 0) (i32.const 32768))
    (call $floats (i32.const 0) (i32.const 32768))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $s0
          (f32x4.add (local.get $s0)
            (f32x4.mul (v128.load (local.get $at)) (v128.load offset=16384 (local.get $at)))))
        (local.set $s1
          (f32x4.add (local.get $s1)
            (f32x4.mul (v128.load offset=16 (local.get $at)) (v128.load offset=16400 (local.get $at)))))
        (local.set $s2
          (f32x4.add (local.get $s2)
            (f32x4.mul (v128.load offset=32 (local.get $at)) (v128.load offset=16416 (local.get $at)))))
        (local.set $s3
          (f32x4.add (local.get $s3)
            (f32x4.mul (v128.load offset=48 (local.get $at)) (v128.load offset=16432 (local.get $at)))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (local.set $s0
      (f32x4.add (f32x4.add (local.get $s0) (local.get $s1)) (f32x4.add (local.get $s2) (local.get $s3))))
    (i32.reinterpret_f32
      (f32.add
        (f32.add (f32x4.extract_lane 0 (local.get $s0)) (f32x4.extract_lane 1 (local.get $s0)))
        (f32.add (f32x4.extract_lane 2 (local.get $s0)) (f32x4.extract_lane 3 (local.get $s0)))))))
