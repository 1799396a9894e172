;; Reed-Solomon coding of 16 KiB: every byte times 0x8E in the field of 256 elements, by tables for its two halves, added
;; to the parity.
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
    (local $x v128)
    (call $fill (i32.const 0) (i32.const 32768))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $x (v128.load (local.get $at)))
        (v128.store offset=16384 (local.get $at)
          (v128.xor (v128.load offset=16384 (local.get $at))
            (v128.xor
              (i8x16.swizzle
                (v128.const i8x16 0 142 1 143 2 140 3 141 4 138 5 139 6 136 7 137)
                (v128.and (local.get $x) (v128.const i8x16 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15 15)))
              (i8x16.swizzle
                (v128.const i8x16 0 8 16 24 32 40 48 56 64 72 80 88 96 104 112 120)
                (i8x16.shr_u (local.get $x) (i32.const 4))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 32768))))
