;; A plug-in that lies about where its text is: reading it fails, and ends the plug-in, not the host.
(module $liar
  (import "host" "print" (func $print (param $address i32) (param $size i32)))
  (memory (export "memory") 1)
  (func (export "run") (param $round i32) (result i32)
    (call $print (i32.const 65530) (i32.const -1))
    (i32.const 0)))
