;; Transposes a matrix of 64 by 64 words lane by lane: gathers four from a column, stores a row; then loads a row and
;; scatters it into a column of another matrix.
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
    (local $column i32) (local $from i32) (local $to i32)
    (local $v v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $to (i32.const 0))
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $from (local.get $column))
        (loop $next
          (local.set $v (v128.load32_zero (local.get $from)))
          (local.set $v (v128.load32_lane offset=256 1 (local.get $from) (local.get $v)))
          (local.set $v (v128.load32_lane offset=512 2 (local.get $from) (local.get $v)))
          (local.set $v (v128.load32_lane offset=768 3 (local.get $from) (local.get $v)))
          (v128.store offset=16384 (local.get $to) (local.get $v))
          (local.set $v (v128.load (local.get $to)))
          (v128.store32_lane offset=32768 0 (local.get $from) (local.get $v))
          (v128.store32_lane offset=33024 1 (local.get $from) (local.get $v))
          (v128.store32_lane offset=33280 2 (local.get $from) (local.get $v))
          (v128.store32_lane offset=33536 3 (local.get $from) (local.get $v))
          (local.set $to (i32.add (local.get $to) (i32.const 16)))
          (local.set $from (i32.add (local.get $from) (i32.const 1024)))
          (br_if $next (i32.lt_u (local.get $from) (i32.const 16384))))
        (local.set $column (i32.add (local.get $column) (i32.const 4)))
        (br_if $columns (i32.lt_u (local.get $column) (i32.const 256))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (i32.add (call $sum (i32.const 16384) (i32.const 32768)) (call $sum (i32.const 32768) (i32.const 49152)))))
