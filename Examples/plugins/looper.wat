;; A plug-in that does not end.
(module $looper
  (func $forever (export "run") (param $round i32) (result i32)
    (loop $again (br $again))
    (unreachable)))
