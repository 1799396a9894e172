;; A memory that starts with one page and grows, as an allocator grows it: by one page at a time, or all at once.
;;
;; The results prove that the instance is fresh. They hold what memory.grow returned, the memory's size at the end, and
;; what was found in the new pages, which must be zeroes. Each mark is 1 << 24, far above the rest, and there are too
;; few of them to add up to nothing.
(module
  (memory (export "memory") 1)

  ;; Marks four scattered host pages (4096 bytes) of a page and returns the sum of what was there before.
  (func $touch (param $page i32) (result i32)
    (local $base i32)
    (local $found i32)
    (local.set $base (i32.shl (local.get $page) (i32.const 16)))
    (local.set $found
      (i32.add
        (i32.add (i32.load offset=0x0008 (local.get $base)) (i32.load offset=0x5050 (local.get $base)))
        (i32.add (i32.load offset=0xA098 (local.get $base)) (i32.load offset=0xF0E0 (local.get $base)))))
    (i32.store offset=0x0008 (local.get $base) (i32.const 0x01000000))
    (i32.store offset=0x5050 (local.get $base) (i32.const 0x01000000))
    (i32.store offset=0xA098 (local.get $base) (i32.const 0x01000000))
    (i32.store offset=0xF0E0 (local.get $base) (i32.const 0x01000000))
    (local.get $found))

  ;; Grows `count` times by one page. Fresh: 1 + 2 + … + count, plus (count + 1) << 12.
  (func (export "grow") (param $count i32) (result i32)
    (local $page i32)
    (local $sum i32)
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        ;; Where growing fails the page is -1, and touching it traps.
        (local.set $page (memory.grow (i32.const 1)))
        (local.set $sum (i32.add (local.get $sum) (local.get $page)))
        (local.set $sum (i32.add (local.get $sum) (call $touch (local.get $page))))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br_if $next (local.get $count))))
    (i32.add (local.get $sum) (i32.shl (memory.size) (i32.const 12))))

  ;; Grows once by `count` pages. Fresh: 1, plus (count + 1) << 12.
  (func (export "grow-at-once") (param $count i32) (result i32)
    (local $page i32)
    (local $sum i32)
    (local.set $page (memory.grow (local.get $count)))
    (local.set $sum (local.get $page))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (call $touch (local.get $page))))
        (local.set $page (i32.add (local.get $page) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br_if $next (local.get $count))))
    (i32.add (local.get $sum) (i32.shl (memory.size) (i32.const 12)))))
