;; A memory whose pages are written to one by one: what snapshots, forks and roll-backs cost in proportion to.
(module
  (memory (export "memory") 1024)

  ;; Counts up a number in each of `count` pages of 4 KiB, `stride` pages apart, from page `first` on; that many.
  (func (export "touch") (param $first i32) (param $count i32) (param $stride i32) (result i32)
    (local $page i32)
    (local $left i32)
    (local.set $page (local.get $first))
    (local.set $left (local.get $count))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (i32.store (i32.shl (local.get $page) (i32.const 12))
          (i32.add (i32.load (i32.shl (local.get $page) (i32.const 12))) (i32.const 1)))
        (local.set $page (i32.add (local.get $page) (local.get $stride)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $next)))
    (local.get $count)))
