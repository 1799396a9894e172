;; A hostile rule: it takes the memory that it can get, and reads the body to where there is none.
(module $greedy
  (import "rule" "read_body" (func $read (param $address i32)))
  (memory 1)
  (func $grab (export "evaluate") (result i32)
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (call $read (i32.const -1))
    (i32.const 0)))
