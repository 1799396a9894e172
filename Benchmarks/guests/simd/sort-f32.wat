;; Sorts 4096 floats in fours: a network of five minima and maxima for each lane of four vectors, then a transposition.
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
    (local $v0 v128) (local $v1 v128) (local $v2 v128) (local $v3 v128) (local $t v128)
    (local $t0 v128) (local $t1 v128) (local $t2 v128) (local $t3 v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (call $floats (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $v0 (v128.load (local.get $at)))
        (local.set $v1 (v128.load offset=16 (local.get $at)))
        (local.set $v2 (v128.load offset=32 (local.get $at)))
        (local.set $v3 (v128.load offset=48 (local.get $at)))
        (local.set $t (f32x4.min (local.get $v0) (local.get $v2)))
        (local.set $v2 (f32x4.max (local.get $v0) (local.get $v2)))
        (local.set $v0 (local.get $t))
        (local.set $t (f32x4.min (local.get $v1) (local.get $v3)))
        (local.set $v3 (f32x4.max (local.get $v1) (local.get $v3)))
        (local.set $v1 (local.get $t))
        (local.set $t (f32x4.min (local.get $v0) (local.get $v1)))
        (local.set $v1 (f32x4.max (local.get $v0) (local.get $v1)))
        (local.set $v0 (local.get $t))
        (local.set $t (f32x4.min (local.get $v2) (local.get $v3)))
        (local.set $v3 (f32x4.max (local.get $v2) (local.get $v3)))
        (local.set $v2 (local.get $t))
        (local.set $t (f32x4.min (local.get $v1) (local.get $v2)))
        (local.set $v2 (f32x4.max (local.get $v1) (local.get $v2)))
        (local.set $v1 (local.get $t))
        (local.set $t0
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $v0) (local.get $v1)))
        (local.set $t1
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $v0) (local.get $v1)))
        (local.set $t2
          (i8x16.shuffle 0 1 2 3 16 17 18 19 4 5 6 7 20 21 22 23 (local.get $v2) (local.get $v3)))
        (local.set $t3
          (i8x16.shuffle 8 9 10 11 24 25 26 27 12 13 14 15 28 29 30 31 (local.get $v2) (local.get $v3)))
        (v128.store offset=16384 (local.get $at)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $t0) (local.get $t2)))
        (v128.store offset=16400 (local.get $at)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $t0) (local.get $t2)))
        (v128.store offset=16416 (local.get $at)
          (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 (local.get $t1) (local.get $t3)))
        (v128.store offset=16432 (local.get $at)
          (i8x16.shuffle 8 9 10 11 12 13 14 15 24 25 26 27 28 29 30 31 (local.get $t1) (local.get $t3)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 32768))))
