;; Nothing at all: what a cycle costs when there is nothing to restore.
(module)
