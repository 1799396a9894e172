;; Four mebibytes of memory and a function that writes to scattered host pages of it. The benchmark appends a data
;; section that fills the whole memory, so that the image's bytes need not lie in the repository.
(module
  (memory (export "memory") 64)

  ;; Writes one byte in each of `count` host pages (4096 bytes, at most 1024 of them) and returns the sum of the bytes
  ;; found there. The sum proves that the instance is fresh: a page left over from another instance changes it.
  (func (export "touch") (param $count i32) (result i32)
    (local $page i32)
    (local $address i32)
    (local $sum i32)
    (block $done
      (br_if $done (i32.eqz (local.get $count)))
      (loop $next
        ;; 409 is odd, hence prime to 1024: the first 1024 steps visit 1024 different pages, neighbours far apart.
        ;; The second term varies the place inside the page.
        (local.set $address
          (i32.add
            (i32.shl (i32.and (i32.mul (local.get $page) (i32.const 409)) (i32.const 1023)) (i32.const 12))
            (i32.and (i32.mul (local.get $page) (i32.const 72)) (i32.const 4095))))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $address))))
        (i32.store8 (local.get $address) (i32.add (i32.load8_u (local.get $address)) (i32.const 1)))
        (local.set $page (i32.add (local.get $page) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $page) (local.get $count)))))
    (local.get $sum)))
