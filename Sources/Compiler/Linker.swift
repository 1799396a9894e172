//! Linking: places functions and trampolines in one text and completes the references between them.

import Glibc

enum Linker {
    static func link(
        _ results: WorkerResults, _ context: ModuleContext, _ layout: VMContextLayout,
        maximumSize: Int
    ) throws(CompilationError) -> CompiledCode {
        var code = CompiledCode(layout: layout, settings: context.settings)
        code.writtenTables = [Bool](repeating: false, count: context.tableCount)

        // Where each body is: worker and index there.
        var places = [(worker: Int, index: Int)](repeating: (0, 0), count: context.bodyCount)
        for worker in 0..<results.count {
            for table in 0..<context.tableCount where results.functions[worker].value.writtenTables[table] {
                code.writtenTables[table] = true
            }
            for index in 0..<results.functions[worker].value.functions.count {
                places[Int(results.functions[worker].value.functions[index].body)] = (worker, index)
            }
        }

        // Offsets first, so that the text is allocated once.
        var total = 0
        var trapCount = 0
        var sourceCount = 0
        code.functionOffsets.reserveCapacity(context.bodyCount)
        for place in places {
            total = (total + 15) & ~15
            guard total <= maximumSize else { throw .codeTooLarge }
            code.functionOffsets.append(UInt32(total))
            let function = results.functions[place.worker].value.functions[place.index]
            total += function.codeBytes
            trapCount += function.trapCount
            sourceCount += function.sourceCount
        }
        total = (total + 63) & ~63

        var trampolines = TrampolineEmitter(module: context)
        let exit = trampolines.emitExit()
        trampolines.emitSuspension()
        let runtimeCall = trampolines.emitRuntimeCall()
        var imports: [UInt32] = []
        imports.reserveCapacity(context.importedFunctionCount)
        for function in 0..<context.importedFunctionCount {
            imports.append(trampolines.emitImport(UInt32(function)))
            guard !trampolines.assembler.isTooLarge else { throw .codeTooLarge }
        }
        // Entries for the types that functions have; a type without a function is never entered.
        var entries = [UInt32](repeating: .max, count: context.typeCount)
        for function in 0..<context.functionCount {
            let type = context.canonicalType(context.type(ofFunction: UInt32(function)))
            if entries[Int(type)] == .max { entries[Int(type)] = trampolines.emitEntry(type: type) }
            guard !trampolines.assembler.isTooLarge else { throw .codeTooLarge }
        }
        var crossings = [UInt32](repeating: .max, count: context.typeCount)
        for function in context.visibleFunctions {
            let type = context.canonicalType(context.type(ofFunction: function))
            if crossings[Int(type)] == .max { crossings[Int(type)] = trampolines.emitCrossing(type: type) }
            guard !trampolines.assembler.isTooLarge else { throw .codeTooLarge }
        }
        let base = UInt32(total)
        total += trampolines.assembler.count
        guard total <= maximumSize else { throw .codeTooLarge }
        code.functionsEnd = base
        code.exitOffset = base + exit
        code.importOffsets = imports.map { $0 + base }
        func byType(_ offsets: [UInt32]) -> [UInt32] {
            (0..<context.typeCount).map { type in
                let offset = offsets[Int(context.canonicalType(UInt32(type)))]
                return offset == .max ? .max : offset + base
            }
        }
        code.entryOffsets = byType(entries)
        code.crossingOffsets = byType(crossings)

        code.trapOffsets.reserveCapacity(trapCount)
        code.trapCodes.reserveCapacity(trapCount)
        code.sourceCodeOffsets.reserveCapacity(sourceCount)
        code.sourceOffsets.reserveCapacity(sourceCount)
        code.text = [UInt8](unsafeUninitializedCapacity: total) { text, count in
            let memory = UnsafeMutableRawPointer(text.baseAddress!)
            // What lies between functions traps.
            memset(memory, 0xCC, total)
            for (body, place) in places.enumerated() {
                let start = code.functionOffsets[body]
                let function = results.functions[place.worker].value.functions[place.index]
                memcpy(
                    memory + Int(start), results.functions[place.worker].value.code.base + function.code,
                    function.codeBytes)
                for index in function.fixups..<function.fixups + function.fixupCount {
                    let fixup = results.functions[place.worker].value.fixups[index]
                    let symbol = Int(fixup.symbol)
                    let target: UInt32 =
                        if symbol >= context.functionCount {
                            base + runtimeCall
                        } else if symbol < context.importedFunctionCount {
                            base + imports[symbol]
                        } else {
                            code.functionOffsets[symbol - context.importedFunctionCount]
                        }
                    let position = start + fixup.position
                    (memory + Int(position)).storeBytes(
                        of: Int32(bitPattern: target &- (position &+ 4)), as: Int32.self)
                }
            }
            trampolines.assembler.withBytes { bytes in
                (memory + Int(base)).copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
            }
            count = total
        }
        for (body, place) in places.enumerated() {
            let start = code.functionOffsets[body]
            let function = results.functions[place.worker].value.functions[place.index]
            for index in function.traps..<function.traps + function.trapCount {
                let site = results.functions[place.worker].value.traps[index]
                code.trapOffsets.append(start + site.offset)
                code.trapCodes.append(site.code)
            }
            for index in function.sources..<function.sources + function.sourceCount {
                let site = results.functions[place.worker].value.sources[index]
                code.sourceCodeOffsets.append(start + site.offset)
                code.sourceOffsets.append(site.source)
            }
            for index in function.origins..<function.origins + function.originCount {
                var origin = results.functions[place.worker].value.origins[index]
                origin.code += start
                code.origins.append(origin)
            }
        }
        for index in 0..<trampolines.traps.count {
            let site = trampolines.traps[index]
            code.trapOffsets.append(base + site.offset)
            code.trapCodes.append(site.code)
        }
        return code
    }
}
