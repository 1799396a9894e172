;; The guest of the embedding example: answers one request. It asks its host for the request's path, and hands
;; back a text with the path in capitals. It counts its requests in a global, to show that every instance is fresh.
(module
  (import "host" "path_size" (func $path_size (result i32)))
  (import "host" "read_path" (func $read_path (param $address i32)))
  (import "host" "respond" (func $respond (param $address i32) (param $size i32)))

  (memory (export "memory") 1)
  (global $requests (mut i32) (i32.const 0))
  (data (i32.const 16) "request 0 of this instance: ")

  ;; Returns an HTTP status.
  (func (export "handle") (result i32)
    (local $size i32)
    (local $at i32)
    (local $end i32)
    ;; A bug to be survived: this guest cannot cope with long paths.
    (if (i32.gt_u (local.tee $size (call $path_size)) (i32.const 32))
      (then (unreachable)))
    (call $read_path (i32.const 44))

    (global.set $requests (i32.add (global.get $requests) (i32.const 1)))
    (i32.store8 (i32.const 24) (i32.add (i32.const 48) (global.get $requests)))

    (local.set $at (i32.const 44))
    (local.set $end (i32.add (i32.const 44) (local.get $size)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (if (i32.lt_u (i32.sub (i32.load8_u (local.get $at)) (i32.const 97)) (i32.const 26))
          (then (i32.store8 (local.get $at) (i32.sub (i32.load8_u (local.get $at)) (i32.const 32)))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (call $respond (i32.const 16) (i32.add (i32.const 28) (local.get $size)))
    (i32.const 200)))
