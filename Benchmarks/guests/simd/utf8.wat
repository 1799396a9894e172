;; Validates 16 KiB of UTF-8 with tables of 16 entries for the halves of bytes (the method of Keiser and Lemire), and
;; counts the characters. Every bit of the tables stands for one mistake; it is one if all three tables have the bit.
(module
  (memory 2)

  ;; Characters of one to four bytes by turns of a generator, up to $end and not beyond; spaces fill the rest.
  (func $text (param $end i32)
    (local $at i32) (local $noise i32) (local $code i32)
    (local.set $noise (i32.const 12345))
    (loop $next
      (local.set $noise (i32.add (i32.mul (local.get $noise) (i32.const 1664525)) (i32.const 1013904223)))
      (local.set $code (i32.shr_u (local.get $noise) (i32.const 12)))
      (block $stored
        (block $four
          (block $three
            (block $two
              (block $one
                (br_table $one $one $one $two $three $three $two $four (i32.shr_u (local.get $noise) (i32.const 29))))
              (i32.store8 (local.get $at) (i32.or (i32.and (local.get $code) (i32.const 0x3F)) (i32.const 0x20)))
              (local.set $at (i32.add (local.get $at) (i32.const 1)))
              (br $stored))
            (i32.store16 (local.get $at)
              (i32.or (i32.const 0x80D0) (i32.and (local.get $code) (i32.const 0x3F0F))))
            (local.set $at (i32.add (local.get $at) (i32.const 2)))
            (br $stored))
          (i32.store (local.get $at)
            (i32.or (i32.const 0x208080E4) (i32.and (local.get $code) (i32.const 0x3F3F03))))
          (local.set $at (i32.add (local.get $at) (i32.const 3)))
          (br $stored))
        (i32.store (local.get $at)
          (i32.or (i32.const 0x808090F1) (i32.and (local.get $code) (i32.const 0x0F0F01))))
        (local.set $at (i32.add (local.get $at) (i32.const 4))))
      (br_if $next (i32.lt_u (local.get $at) (i32.sub (local.get $end) (i32.const 4)))))
    (loop $rest
      (i32.store8 (local.get $at) (i32.const 0x20))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $rest (i32.lt_u (local.get $at) (local.get $end)))))

  (func (export "run") (param $iterations i32) (result i32)
    (local $at i32) (local $count i32)
    (local $in v128) (local $last v128) (local $previous v128) (local $mistakes v128) (local $error v128)
    (call $text (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (local.set $last (v128.const i64x2 0 0))
      (loop $next
        (local.set $in (v128.load (local.get $at)))
        ;; A continuation is below -64.
        (local.set $count
          (i32.add (local.get $count)
            (i32.popcnt
              (i8x16.bitmask
                (i8x16.ge_s
                  (local.get $in)
                  (v128.const i8x16 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64 -64))))))
        (local.set $previous
          (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 (local.get $last) (local.get $in)))
        (local.set $mistakes
          (v128.and
            (v128.and
              (i8x16.swizzle
                (v128.const i8x16 2 2 2 2 2 2 2 2 128 128 128 128 33 1 21 73)
                (i8x16.shr_u (local.get $previous) (i32.const 4)))
              (i8x16.swizzle
                (v128.const i8x16 231 163 131 131 139 203 203 203 203 203 203 203 203 219 203 203)
                (v128.and (local.get $previous) (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15))))
            (i8x16.swizzle
              (v128.const i8x16 1 1 1 1 1 1 1 1 230 174 186 186 1 1 1 1)
              (i8x16.shr_u (local.get $in) (i32.const 4)))))
        ;; The third byte of three and the third and fourth of four must be continuations, and nothing else may follow one.
        (local.set $error
          (v128.or (local.get $error)
            (v128.xor (local.get $mistakes)
              (v128.and
                (v128.or
                  (i8x16.sub_sat_u
                    (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 (local.get $last) (local.get $in))
                    (v128.const i8x16 96 96 96 96 96 96 96 96 96 96 96 96 96 96 96 96))
                  (i8x16.sub_sat_u
                    (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 (local.get $last) (local.get $in))
                    (v128.const i8x16 112 112 112 112 112 112 112 112 112 112 112 112 112 112 112 112)))
                (v128.const i8x16 128 128 128 128 128 128 128 128 128 128 128 128 128 128 128 128)))))
        (local.set $last (local.get $in))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (if (v128.any_true (local.get $error)) (then (return (i32.const -1))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (local.get $count)))
