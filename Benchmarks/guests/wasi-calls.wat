;; Loops of calls of WASI, one for each kind. Each returns the sum of all error numbers and of all differences between
;; what was told and what had to be: 0. What a loop needs open is opened when the first such loop begins.
;;
;; It expects one argument, "guest", and as descriptor 3 a directory with the file `data` of at least 4 KiB, the file
;; `a/b/c/file`, and the directory `list` with the files `file00` to `file49`.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite" (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread" (func $fd_pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))

  (memory (export "memory") 1)
  (type $step (func (result i32)))
  (table funcref
    (elem $clock $random $write $pwrite $pread $status $open $path-status $list $arguments $poll))

  ;; Results are stored from 0 on.
  ;; 64: one vector of 64 bytes; two of 32 bytes each; one of 4 KiB.
  (data (i32.const 64)
    "\00\04\00\00\40\00\00\00"
    "\00\04\00\00\20\00\00\00\20\04\00\00\20\00\00\00"
    "\00\10\00\00\00\10\00\00")
  ;; 128: a subscription to the monotonic clock, whose timeout of 0 is from now on.
  (data (i32.const 144) "\01\00\00\00")
  (data (i32.const 256) "data")
  (data (i32.const 264) "list")
  (data (i32.const 272) "a/b/c/file")
  (data (i32.const 1024) "sixty-four bytes that are written again and again to one place..")

  (global $file (mut i32) (i32.const -1))
  (global $directory (mut i32) (i32.const -1))

  ;; Opens what lies at the path, with the rights to read, write, seek and list as they are asked for.
  (func $opened (param $path i32) (param $length i32) (param $flags i32) (param $rights i64) (result i32)
    (if
      (call $path_open
        (i32.const 3) (i32.const 0) (local.get $path) (local.get $length) (local.get $flags) (local.get $rights)
        (i64.const 0) (i32.const 0) (i32.const 0))
      (then (unreachable)))
    (i32.load (i32.const 0)))

  (func $prepare
    (if (i32.eq (global.get $file) (i32.const -1))
      (then
        (global.set $file (call $opened (i32.const 256) (i32.const 4) (i32.const 0) (i64.const 0x46)))
        (global.set $directory (call $opened (i32.const 264) (i32.const 4) (i32.const 2) (i64.const 0x4000))))))

  ;; The call through the table is part of the time.
  (func $loop (param $count i32) (param $step i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (call_indirect (type $step) (local.get $step))))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $again)))
    (local.get $sum))

  ;; The error, and how far the number stored at 0 is from what had to be.
  (func $checked (param $error i32) (param $expected i32) (result i32)
    (i32.or (local.get $error) (i32.xor (i32.load (i32.const 0)) (local.get $expected))))

  (func (export "clock") (param i32) (result i32) (call $loop (local.get 0) (i32.const 0)))
  (func $clock (type $step) (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 0)))

  (func (export "random") (param i32) (result i32) (call $loop (local.get 0) (i32.const 1)))
  (func $random (type $step) (call $random_get (i32.const 512) (i32.const 16)))

  (func (export "write") (param i32) (result i32) (call $loop (local.get 0) (i32.const 2)))
  (func $write (type $step)
    (call $checked (call $fd_write (i32.const 1) (i32.const 64) (i32.const 1) (i32.const 0)) (i32.const 64)))

  ;; Both vectors, with a second call where the first took one of them only, as a C library would.
  (func (export "pwrite") (param i32) (result i32)
    (call $prepare)
    (call $loop (local.get 0) (i32.const 3)))
  (func $pwrite (type $step)
    (local $error i32)
    (local.set $error
      (call $fd_pwrite (global.get $file) (i32.const 72) (i32.const 2) (i64.const 0) (i32.const 0)))
    (if (i32.eq (i32.load (i32.const 0)) (i32.const 32))
      (then
        (local.set $error
          (i32.or (local.get $error)
            (call $fd_pwrite (global.get $file) (i32.const 80) (i32.const 1) (i64.const 32) (i32.const 0))))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 32)))))
    (call $checked (local.get $error) (i32.const 64)))

  (func (export "pread") (param i32) (result i32)
    (call $prepare)
    (call $loop (local.get 0) (i32.const 4)))
  (func $pread (type $step)
    (call $checked
      (call $fd_pread (global.get $file) (i32.const 88) (i32.const 1) (i64.const 0) (i32.const 0))
      (i32.const 4096)))

  (func (export "status") (param i32) (result i32) (call $loop (local.get 0) (i32.const 5)))
  (func $status (type $step) (call $fd_fdstat_get (i32.const 1) (i32.const 512)))

  (func (export "open") (param i32) (result i32) (call $loop (local.get 0) (i32.const 6)))
  (func $open (type $step)
    (call $fd_close (call $opened (i32.const 272) (i32.const 10) (i32.const 0) (i64.const 2))))

  (func (export "path-status") (param i32) (result i32) (call $loop (local.get 0) (i32.const 7)))
  (func $path-status (type $step)
    (call $path_filestat_get (i32.const 3) (i32.const 0) (i32.const 272) (i32.const 10) (i32.const 512)))

  ;; Fifty records of 24 bytes with names of 6, and those of `.` and `..`.
  (func (export "list") (param i32) (result i32)
    (call $prepare)
    (call $loop (local.get 0) (i32.const 8)))
  (func $list (type $step)
    (call $checked
      (call $fd_readdir (global.get $directory) (i32.const 8192) (i32.const 8192) (i64.const 0) (i32.const 0))
      (i32.const 1551)))

  (func (export "arguments") (param i32) (result i32) (call $loop (local.get 0) (i32.const 9)))
  (func $arguments (type $step)
    (call $checked (call $args_sizes_get (i32.const 0) (i32.const 4)) (i32.const 1)))

  (func (export "poll") (param i32) (result i32) (call $loop (local.get 0) (i32.const 10)))
  (func $poll (type $step)
    (call $checked
      (call $poll_oneoff (i32.const 128) (i32.const 512) (i32.const 1) (i32.const 0)) (i32.const 1))))
