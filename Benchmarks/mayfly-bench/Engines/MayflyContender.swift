struct MayflyContender: Contender {
    let name = "mayfly"
    init() throws { throw BenchmarkError("not yet") }
    func prepareCycle(_ module: [UInt8], wasi: Bool, call: GuestCall?) throws -> any FreshInstanceCycle { throw BenchmarkError("") }
    func prepareProgram(_ module: [UInt8]) throws -> any BenchmarkProgram { throw BenchmarkError("") }
    func compile(_ module: [UInt8], parallel: Bool) throws -> Double { throw BenchmarkError("") }
}
