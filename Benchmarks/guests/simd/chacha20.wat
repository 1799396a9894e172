;; The ChaCha20 cipher: a block of key stream at a time, the state's rows in four vectors, over 4 KiB. Rotations by 16
;; and 8 bits are shuffles, those by 12 and 7 two shifts.
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
    (local $at i32) (local $rounds i32)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $key0 v128) (local $key1 v128) (local $counter v128)
    (call $fill (i32.const 0) (i32.const 4096))
    (local.set $key0 (v128.const i32x4 0x03020100 0x07060504 0x0B0A0908 0x0F0E0D0C))
    (local.set $key1 (v128.const i32x4 0x13121110 0x17161514 0x1B1A1918 0x1F1E1D1C))
    (local.set $counter (v128.const i32x4 1 0x09000000 0x4A000000 0))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $a (v128.const i32x4 0x61707865 0x3320646E 0x79622D32 0x6B206574))
        (local.set $b (local.get $key0))
        (local.set $c (local.get $key1))
        (local.set $d (local.get $counter))
        (local.set $rounds (i32.const 10))
        (loop $round
          (local.set $a (i32x4.add (local.get $a) (local.get $b)))
          (local.set $d (v128.xor (local.get $d) (local.get $a)))
          (local.set $d
            (i8x16.shuffle 2 3 0 1 6 7 4 5 10 11 8 9 14 15 12 13 (local.get $d) (local.get $d)))
          (local.set $c (i32x4.add (local.get $c) (local.get $d)))
          (local.set $b (v128.xor (local.get $b) (local.get $c)))
          (local.set $b
            (v128.or (i32x4.shl (local.get $b) (i32.const 12)) (i32x4.shr_u (local.get $b) (i32.const 20))))
          (local.set $a (i32x4.add (local.get $a) (local.get $b)))
          (local.set $d (v128.xor (local.get $d) (local.get $a)))
          (local.set $d
            (i8x16.shuffle 3 0 1 2 7 4 5 6 11 8 9 10 15 12 13 14 (local.get $d) (local.get $d)))
          (local.set $c (i32x4.add (local.get $c) (local.get $d)))
          (local.set $b (v128.xor (local.get $b) (local.get $c)))
          (local.set $b
            (v128.or (i32x4.shl (local.get $b) (i32.const 7)) (i32x4.shr_u (local.get $b) (i32.const 25))))
          (local.set $b
            (i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 (local.get $b) (local.get $b)))
          (local.set $c
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $c) (local.get $c)))
          (local.set $d
            (i8x16.shuffle 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 (local.get $d) (local.get $d)))
          (local.set $a (i32x4.add (local.get $a) (local.get $b)))
          (local.set $d (v128.xor (local.get $d) (local.get $a)))
          (local.set $d
            (i8x16.shuffle 2 3 0 1 6 7 4 5 10 11 8 9 14 15 12 13 (local.get $d) (local.get $d)))
          (local.set $c (i32x4.add (local.get $c) (local.get $d)))
          (local.set $b (v128.xor (local.get $b) (local.get $c)))
          (local.set $b
            (v128.or (i32x4.shl (local.get $b) (i32.const 12)) (i32x4.shr_u (local.get $b) (i32.const 20))))
          (local.set $a (i32x4.add (local.get $a) (local.get $b)))
          (local.set $d (v128.xor (local.get $d) (local.get $a)))
          (local.set $d
            (i8x16.shuffle 3 0 1 2 7 4 5 6 11 8 9 10 15 12 13 14 (local.get $d) (local.get $d)))
          (local.set $c (i32x4.add (local.get $c) (local.get $d)))
          (local.set $b (v128.xor (local.get $b) (local.get $c)))
          (local.set $b
            (v128.or (i32x4.shl (local.get $b) (i32.const 7)) (i32x4.shr_u (local.get $b) (i32.const 25))))
          (local.set $b
            (i8x16.shuffle 12 13 14 15 0 1 2 3 4 5 6 7 8 9 10 11 (local.get $b) (local.get $b)))
          (local.set $c
            (i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 (local.get $c) (local.get $c)))
          (local.set $d
            (i8x16.shuffle 4 5 6 7 8 9 10 11 12 13 14 15 0 1 2 3 (local.get $d) (local.get $d)))
          (br_if $round (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
        (v128.store (local.get $at)
          (v128.xor (v128.load (local.get $at))
            (i32x4.add (local.get $a) (v128.const i32x4 0x61707865 0x3320646E 0x79622D32 0x6B206574))))
        (v128.store offset=16 (local.get $at)
          (v128.xor (v128.load offset=16 (local.get $at)) (i32x4.add (local.get $b) (local.get $key0))))
        (v128.store offset=32 (local.get $at)
          (v128.xor (v128.load offset=32 (local.get $at)) (i32x4.add (local.get $c) (local.get $key1))))
        (v128.store offset=48 (local.get $at)
          (v128.xor (v128.load offset=48 (local.get $at)) (i32x4.add (local.get $d) (local.get $counter))))
        (local.set $counter (i32x4.add (local.get $counter) (v128.const i32x4 1 0 0 0)))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 4096))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 0) (i32.const 4096))))
