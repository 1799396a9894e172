;; Rows of the Mandelbrot set, two points at once: until both have left the circle, at most 64 steps. A row has 64
;; points, an iteration is a row.
(module
  (memory 2)

  (func (export "run") (param $iterations i32) (result i32)
    (local $column i32) (local $steps i32)
    (local $cx v128) (local $cy v128) (local $x v128) (local $y v128) (local $xx v128) (local $yy v128)
    (local $inside v128) (local $count v128) (local $sum v128)
    (loop $again
      (local.set $cy
        (f64x2.splat
          (f64.add
            (f64.mul (f64.convert_i32_u (i32.and (local.get $iterations) (i32.const 63))) (f64.const 0.0390625))
            (f64.const -1.25))))
      (local.set $column (i32.const 0))
      (loop $next
        (local.set $cx
          (f64x2.add
            (f64x2.mul
              (f64x2.add (f64x2.splat (f64.convert_i32_u (local.get $column))) (v128.const f64x2 0 1))
              (v128.const f64x2 0.0390625 0.0390625))
            (v128.const f64x2 -2 -2)))
        (local.set $x (local.get $cx))
        (local.set $y (local.get $cy))
        (local.set $count (v128.const i64x2 0 0))
        (local.set $steps (i32.const 64))
        (block $left
          (loop $step
            (local.set $xx (f64x2.mul (local.get $x) (local.get $x)))
            (local.set $yy (f64x2.mul (local.get $y) (local.get $y)))
            (local.set $inside (f64x2.le (f64x2.add (local.get $xx) (local.get $yy)) (v128.const f64x2 4 4)))
            (br_if $left (i32.eqz (v128.any_true (local.get $inside))))
            (local.set $count (i64x2.sub (local.get $count) (local.get $inside)))
            (local.set $y
              (f64x2.add (f64x2.mul (f64x2.add (local.get $x) (local.get $x)) (local.get $y)) (local.get $cy)))
            (local.set $x (f64x2.add (f64x2.sub (local.get $xx) (local.get $yy)) (local.get $cx)))
            (br_if $step (local.tee $steps (i32.sub (local.get $steps) (i32.const 1))))))
        (local.set $sum (i64x2.add (local.get $sum) (local.get $count)))
        (local.set $column (i32.add (local.get $column) (i32.const 2)))
        (br_if $next (i32.lt_u (local.get $column) (i32.const 64))))
      (local.set $iterations (i32.sub (local.get $iterations) (i32.const 1)))
      (br_if $again (local.get $iterations)))
    (i32.wrap_i64 (i64.add (i64x2.extract_lane 0 (local.get $sum)) (i64x2.extract_lane 1 (local.get $sum))))))
