;; Products of 256 pairs of matrices of 4 by 4 floats, column after column: each column of the left one times a lane
;; of the right one that is copied into all lanes.
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
    (local $a0 v128) (local $a1 v128) (local $a2 v128) (local $a3 v128) (local $b v128)
    (call $fill (i32.const 0) (i32.const 32768))
    (call $floats (i32.const 0) (i32.const 32768))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $a0 (v128.load (local.get $at)))
        (local.set $a1 (v128.load offset=16 (local.get $at)))
        (local.set $a2 (v128.load offset=32 (local.get $at)))
        (local.set $a3 (v128.load offset=48 (local.get $at)))
        (local.set $b (v128.load offset=16384 (local.get $at)))
        (v128.store offset=32768 (local.get $at)
          (f32x4.add
            (f32x4.add
              (f32x4.mul
                (local.get $a0)
                (i8x16.shuffle 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a1)
                (i8x16.shuffle 4 5 6 7 4 5 6 7 4 5 6 7 4 5 6 7 (local.get $b) (local.get $b))))
            (f32x4.add
              (f32x4.mul
                (local.get $a2)
                (i8x16.shuffle 8 9 10 11 8 9 10 11 8 9 10 11 8 9 10 11 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a3)
                (i8x16.shuffle 12 13 14 15 12 13 14 15 12 13 14 15 12 13 14 15 (local.get $b) (local.get $b))))))
        (local.set $b (v128.load offset=16400 (local.get $at)))
        (v128.store offset=32784 (local.get $at)
          (f32x4.add
            (f32x4.add
              (f32x4.mul
                (local.get $a0)
                (i8x16.shuffle 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a1)
                (i8x16.shuffle 4 5 6 7 4 5 6 7 4 5 6 7 4 5 6 7 (local.get $b) (local.get $b))))
            (f32x4.add
              (f32x4.mul
                (local.get $a2)
                (i8x16.shuffle 8 9 10 11 8 9 10 11 8 9 10 11 8 9 10 11 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a3)
                (i8x16.shuffle 12 13 14 15 12 13 14 15 12 13 14 15 12 13 14 15 (local.get $b) (local.get $b))))))
        (local.set $b (v128.load offset=16416 (local.get $at)))
        (v128.store offset=32800 (local.get $at)
          (f32x4.add
            (f32x4.add
              (f32x4.mul
                (local.get $a0)
                (i8x16.shuffle 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a1)
                (i8x16.shuffle 4 5 6 7 4 5 6 7 4 5 6 7 4 5 6 7 (local.get $b) (local.get $b))))
            (f32x4.add
              (f32x4.mul
                (local.get $a2)
                (i8x16.shuffle 8 9 10 11 8 9 10 11 8 9 10 11 8 9 10 11 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a3)
                (i8x16.shuffle 12 13 14 15 12 13 14 15 12 13 14 15 12 13 14 15 (local.get $b) (local.get $b))))))
        (local.set $b (v128.load offset=16432 (local.get $at)))
        (v128.store offset=32816 (local.get $at)
          (f32x4.add
            (f32x4.add
              (f32x4.mul
                (local.get $a0)
                (i8x16.shuffle 0 1 2 3 0 1 2 3 0 1 2 3 0 1 2 3 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a1)
                (i8x16.shuffle 4 5 6 7 4 5 6 7 4 5 6 7 4 5 6 7 (local.get $b) (local.get $b))))
            (f32x4.add
              (f32x4.mul
                (local.get $a2)
                (i8x16.shuffle 8 9 10 11 8 9 10 11 8 9 10 11 8 9 10 11 (local.get $b) (local.get $b)))
              (f32x4.mul
                (local.get $a3)
                (i8x16.shuffle 12 13 14 15 12 13 14 15 12 13 14 15 12 13 14 15 (local.get $b) (local.get $b))))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 32768) (i32.const 49152))))
