;; A function that writes to host pages scattered over the whole memory, whatever its size. The benchmark replaces the
;; memory's size and appends a data section, so that one guest stands for images of every size and for many templates.
(module
  (memory (export "memory") 1)

  ;; Adds one to a word in each of `count` host pages (4096 bytes) and returns the sum of the words found there. Words,
  ;; so that the images of two templates do not have one sum by chance.
  (func (export "touch") (param $count i32) (result i32)
    (local $pages i32)
    (local $step i32)
    (local $address i32)
    (local $found i32)
    (local $sum i32)
    (local.set $pages (i32.shl (memory.size) (i32.const 4)))
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        ;; 40503 is the golden section of 65536: the steps spread over a memory of 256 MiB, and over smaller ones well
        ;; enough. It is odd and no multiple of 17, so that they visit different pages in all the memories used. The
        ;; second term varies the place inside the page, in multiples of 8.
        (local.set $address
          (i32.add
            (i32.shl
              (i32.rem_u (i32.mul (local.get $step) (i32.const 40503)) (local.get $pages))
              (i32.const 12))
            (i32.and (i32.mul (local.get $step) (i32.const 72)) (i32.const 4095))))
        (local.set $found (i32.load (local.get $address)))
        (local.set $sum (i32.add (local.get $sum) (local.get $found)))
        (i32.store (local.get $address) (i32.add (local.get $found) (i32.const 1)))
        (local.set $step (i32.add (local.get $step) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $step) (local.get $count)))))
    (local.get $sum)))
