// Run by QuickJS, which knows no files but the one it is given: a small language of sums, an interpreter for it, and
// what else of the language a program of some age uses. All output is the same everywhere.

"use strict";

// Lexer and parser

function* tokens(source) {
    const pattern = /\s*(?:(?<number>\d+(?:\.\d+)?)|(?<name>[A-Za-z_]\w*)|(?<sign>\*\*|[-+*\/()=,]))/uy;
    while (pattern.lastIndex < source.trimEnd().length) {
        const start = pattern.lastIndex;
        const match = pattern.exec(source);
        if (!match) throw new SyntaxError(`nothing I know at ${start} of "${source}"`);
        const [type, text] = Object.entries(match.groups).find(([, value]) => value !== undefined);
        yield { type, text };
    }
}

class Parser {
    static strengths = new Map([["+", 1], ["-", 1], ["*", 2], ["/", 2], ["**", 3]]);
    #tokens;

    constructor(source) { this.#tokens = [...tokens(source)]; }

    #take(text) {
        if (this.#tokens[0]?.text !== text) return false;
        this.#tokens.shift();
        return true;
    }

    parse() {
        const tree = this.#sum(0);
        if (this.#tokens.length) throw new SyntaxError(`"${this.#tokens[0].text}" is too much`);
        return tree;
    }

    #sum(weakest) {
        let left = this.#atom();
        for (;;) {
            const sign = this.#tokens[0]?.text;
            const strength = Parser.strengths.get(sign) ?? -1;
            if (strength < Math.max(weakest, 1)) return left;
            this.#tokens.shift();
            const right = this.#sum(sign === "**" ? strength : strength + 1);
            left = { sign, left, right };
        }
    }

    #atom() {
        if (this.#take("-")) return { sign: "-", left: { number: 0 }, right: this.#sum(2) };
        if (this.#take("(")) {
            const inner = this.#sum(0);
            if (!this.#take(")")) throw new SyntaxError("a parenthesis is missing");
            return inner;
        }
        const token = this.#tokens.shift();
        if (token?.type === "number") return { number: Number(token.text) };
        if (token?.type !== "name") throw new SyntaxError("a number or a name is missing");
        if (!this.#take("(")) return { name: token.text };
        const operands = [];
        while (!this.#take(")")) {
            operands.push(this.#sum(0));
            this.#take(",");
        }
        return { name: token.text, operands };
    }
}

function evaluate(tree, names) {
    if ("number" in tree) return tree.number;
    if ("sign" in tree) {
        const [left, right] = [evaluate(tree.left, names), evaluate(tree.right, names)];
        const results = {
            "+": left + right, "-": left - right, "*": left * right, "/": left / right, "**": left ** right,
        };
        return results[tree.sign];
    }
    const value = names[tree.name];
    return tree.operands ? value(...tree.operands.map((operand) => evaluate(operand, names))) : value;
}

const names = new Proxy({ pi: Math.PI, sqrt: Math.sqrt, max: Math.max }, {
    get(target, name) {
        if (!(name in target)) throw new ReferenceError(`no ${String(name)} here`);
        return target[name];
    },
});

for (const source of [
    "1 + 2 * 3", "2 ** 3 ** 2", "(1 + 2) * -3", "sqrt(2) * sqrt(2)", "max(1, 7, 3) / 0", "0.1 + 0.2", "pi", "1 +",
    "(1", "1 $ 2", "radius * 2", "10 / 4 / 5", "9 8",
]) {
    try {
        print(`${source} = ${evaluate(new Parser(source).parse(), names)}`);
    } catch (error) {
        print(`${source}: ${error.name}: ${error.message}`);
    }
}

// Numbers, text and time

let factorial = 1n;
for (let n = 1n; n <= 50n; n++) factorial *= n;
print(`50! = ${factorial}`);

const table = new Float64Array([1e21, 1e-7, 123456789.125, -0, 5e-324, NaN, 2 ** 53]);
print([...table].join(" "), (1234.5678).toFixed(2), (255).toString(16), parseFloat("3.14abc"));
print(new Date(Date.UTC(2000, 1, 29, 12, 30, 45, 678)).toISOString());
print("Größe ≠ 大小 🦋", [..."🦋 mayfly"].length, "straße".toUpperCase());
print("snake_case-name".replace(/[-_](\w)/g, (_, letter) => letter.toUpperCase()));
const data = { list: [1, "two", null, { three: [] }], nested: { "key with \"quotes\"": "\u2028\n" } };
print(JSON.stringify(data, null, 1));

// Words of a text by frequency

const text = "the quick brown fox jumps over the lazy dog and the dog sleeps while the fox runs";
const frequencies = new Map();
for (const word of text.split(" ")) frequencies.set(word, (frequencies.get(word) ?? 0) + 1);
const ranking = [...frequencies].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
print(ranking.slice(0, 4).map(([word, count]) => `${word}×${count}`).join(", "));

// Work enough to collect garbage more than once

let hash = 0x811c9dc5;
for (let round = 0; round < 20000; round++) {
    const objects = { round, text: `object ${round}`, list: [round, round * 2] };
    for (const character of JSON.stringify(objects)) {
        hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
    }
}
print(`digest ${hash.toString(16).padStart(8, "0")}`);
