;; A hostile rule.
(module $endless
  (func $spin (export "evaluate") (result i32)
    (loop $again (br $again))
    (unreachable)))
