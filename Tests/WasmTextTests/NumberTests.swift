//! Numbers in text: exact, in range, rounded once.

import Testing
import WasmText

@Suite("Numbers in text")
struct NumberTests {
    private func f32(_ text: String) throws -> UInt32 {
        let bytes = try code("(drop (f32.const \(text)))")
        return (0..<4).reduce(0) { $0 | UInt32(bytes[1 + $1]) << (8 * UInt32($1)) }
    }

    private func f64(_ text: String) throws -> UInt64 {
        let bytes = try code("(drop (f64.const \(text)))")
        return (0..<8).reduce(0) { $0 | UInt64(bytes[1 + $1]) << (8 * UInt64($1)) }
    }

    @Test("integers are signed or unsigned, decimal or hexadecimal, with underscores")
    func integers() throws {
        #expect(try code("i32.const 0 drop") == [0x41, 0x00, 0x1A])
        #expect(try code("i32.const 64 drop") == [0x41, 0xC0, 0x00, 0x1A])
        #expect(try code("i32.const -1 drop") == [0x41, 0x7F, 0x1A])
        #expect(try code("i32.const 0xffff_ffff drop") == [0x41, 0x7F, 0x1A])
        #expect(try code("i32.const +4_294_967_295 drop") == [0x41, 0x7F, 0x1A])
        #expect(try code("i32.const -0x80000000 drop") == [0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x1A])
        #expect(try code("i64.const -9223372036854775808 drop").count == 12)
        #expect(try code("i64.const 18446744073709551615 drop") == [0x42, 0x7F, 0x1A])
    }

    @Test(
        "what does not fit is out of range",
        arguments: [
            "i32.const 4294967296", "i32.const -2147483649", "i32.const 0x1_0000_0000",
            "i64.const 18446744073709551616",
            "i64.const -9223372036854775809", "i32.const 99999999999999999999999999999999", "f32.const 0x1p128",
            "f32.const 340282356779733661637539395458142568448", "f64.const 1e309", "f64.const -0x1p1024",
            "f32.const nan:0x0", "f32.const nan:0x80_0000", "f64.const nan:0x10_0000_0000_0000",
            "v128.const i8x16 256 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "v128.const i16x8 -32769 0 0 0 0 0 0 0",
        ])
    func outOfRange(_ text: String) throws {
        #expect(try error("(module (func \(text) drop))").message == "constant out of range")
    }

    @Test(
        "what is no number is unknown",
        arguments: [
            "i32.const 0x", "i32.const 1_", "i32.const _1", "i32.const 1__0", "i32.const 0b1", "i32.const 1.0",
            "i32.const - 1", "f32.const 0x1p", "f32.const 1e", "f32.const .5", "f32.const 1e0x1", "f32.const nan:1",
            "f32.const nan:0x", "f32.const infinity", "f64.const 1_.0", "f64.const 0x0p0x1",
        ])
    func malformed(_ text: String) throws {
        let message = try error("(module (func \(text) drop))").message
        #expect(message.hasPrefix("unknown operator") || message.hasPrefix("unexpected token"), "\(message)")
    }

    @Test("floats are rounded to nearest even, once")
    func rounding() throws {
        #expect(try f32("1") == 0x3F80_0000 && f64("-1.") == 0xBFF0_0000_0000_0000)
        #expect(try f32("0x1.000001p0") == 0x3F80_0000)
        #expect(try f32("0x1.000003p0") == 0x3F80_0002)
        // Between two floats by less than a double can tell: rounding twice would go the wrong way.
        #expect(try f32("0x1.00000100000001p0") == 0x3F80_0001)
        #expect(try f32("1.00000017881393432617187499") == 0x3F80_0001)
        #expect(try f32("1.00000017881393432617187500") == 0x3F80_0002)
        #expect(try f32("1.00000017881393432617187501") == 0x3F80_0002)
        #expect(try f64("9007199254740993") == 0x4340_0000_0000_0000)
        #expect(try f64("9007199254740993.0000000000000000000000001") == 0x4340_0000_0000_0001)
        #expect(try f32("0x1.fffffep127") == 0x7F7F_FFFF)
        #expect(try f32("340282356779733661637539395458142568447") == 0x7F7F_FFFF)
        #expect(try f64("0x1.fffffffffffff7p1023") == 0x7FEF_FFFF_FFFF_FFFF)
    }

    @Test("the smallest floats, and those below them")
    func small() throws {
        #expect(try f32("0x1p-149") == 1 && f32("0x1p-150") == 0 && f32("0x1.8p-150") == 1)
        #expect(try f64("4.9406564584124654e-324") == 1 && f64("0x1p-1075") == 0)
        #expect(try f64("-1e-400") == 0x8000_0000_0000_0000)
        #expect(try f64("1e-99999999999999999999") == 0)
        #expect(try f64("0e99999999999999999999") == 0)
    }

    @Test("infinities and NaNs")
    func special() throws {
        #expect(try f32("inf") == 0x7F80_0000 && f64("-inf") == 0xFFF0_0000_0000_0000)
        #expect(try f32("nan") == 0x7FC0_0000 && f64("-nan") == 0xFFF8_0000_0000_0000)
        #expect(try f32("nan:0x1") == 0x7F80_0001 && f64("nan:0xf_ffff_ffff_ffff") == 0x7FFF_FFFF_FFFF_FFFF)
    }
}
