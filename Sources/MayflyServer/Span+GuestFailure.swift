//! A guest's failure in a span.

public import Tracing

extension Span {
    /// Sets the attributes that say how a guest failed.
    ///
    /// `error.type` is the ``GuestFailure/code``, `wasm.error` the ``GuestFailure/message``, and
    /// `wasm.deadline_exceeded` whether the guest was stopped at its deadline; `wasm.backtrace` is a list of lines if
    /// there is a backtrace. The error itself and the span's status are for whoever started the span: `withSpan`
    /// records them when it is thrown.
    public func setAttributes(of failure: GuestFailure) {
        updateAttributes { attributes in
            attributes["error.type"] = failure.code
            attributes["wasm.error"] = failure.message
            attributes["wasm.deadline_exceeded"] = failure.kind == .deadline
            if !failure.backtrace.isEmpty { attributes["wasm.backtrace"] = failure.backtrace }
        }
    }
}
