;; What a layer of a neural network does with 4096 floats: scale and shift, take a sixteenth of what is negative (a
;; comparison that selects), and limit.
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
    (local $x v128)
    (call $fill (i32.const 0) (i32.const 16384))
    (call $floats (i32.const 0) (i32.const 16384))
    (loop $again
      (local.set $at (i32.const 0))
      (loop $next
        (local.set $x
          (f32x4.add
            (f32x4.mul (v128.load (local.get $at)) (v128.const f32x4 1.25 1.25 1.25 1.25))
            (v128.const f32x4 0.125 0.125 0.125 0.125)))
        (local.set $x
          (v128.bitselect (local.get $x)
            (f32x4.mul (local.get $x) (v128.const f32x4 0.0625 0.0625 0.0625 0.0625))
            (f32x4.gt (local.get $x) (v128.const f32x4 0 0 0 0))))
        (v128.store offset=16384 (local.get $at)
          (f32x4.pmin
            (v128.const f32x4 1 1 1 1)
            (f32x4.pmax (v128.const f32x4 -0.03125 -0.03125 -0.03125 -0.03125) (local.get $x))))
        (local.set $x
          (f32x4.add
            (f32x4.mul (v128.load offset=16 (local.get $at)) (v128.const f32x4 1.25 1.25 1.25 1.25))
            (v128.const f32x4 0.125 0.125 0.125 0.125)))
        (local.set $x
          (v128.bitselect (local.get $x)
            (f32x4.mul (local.get $x) (v128.const f32x4 0.0625 0.0625 0.0625 0.0625))
            (f32x4.gt (local.get $x) (v128.const f32x4 0 0 0 0))))
        (v128.store offset=16400 (local.get $at)
          (f32x4.pmin
            (v128.const f32x4 1 1 1 1)
            (f32x4.pmax (v128.const f32x4 -0.03125 -0.03125 -0.03125 -0.03125) (local.get $x))))
        (local.set $at (i32.add (local.get $at) (i32.const 32)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 16384))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (call $sum (i32.const 16384) (i32.const 32768))))
