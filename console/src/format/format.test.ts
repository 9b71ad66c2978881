import { describe, expect, test } from "vitest";
import { csv } from "./csv.ts";
import { digitsFor, dollarsFrom, dollarsText, money, parseDollars } from "./money.ts";
import { bucketsIn, bucketText, dayFrom, dayField, kDay, monthBegin } from "./time.ts";

describe("money", () => {
  test("comes and goes digit by digit", () => {
    for (const text of ["0.00", "12.50", "0.000000000001", "999999999999.999999999999", "-0.10"]) {
      expect(dollarsText(parseDollars(text)!)).toBe(text);
    }
    expect(dollarsText(parseDollars("3")!)).toBe("3.00");
    // What a float would make of it: 0.30000000000000004.
    expect(dollarsText(parseDollars("0.1")! + parseDollars("0.2")!)).toBe("0.30");
    for (const wrong of ["", "1,5", "1e3", ".5", "0.0000000000001", "$1"]) expect(parseDollars(wrong)).toBeUndefined();
    expect(() => dollarsFrom(0.5)).toThrow();
  });
  test("is rounded half away from zero, and never to nothing", () => {
    const show = (text: string, digits?: number) => money(parseDollars(text)!, digits);
    expect(show("1234567.005")).toBe("$1,234,567.01");
    expect(show("1234567.0049999")).toBe("$1,234,567.00");
    expect(show("0.004", 2)).toBe("<$0.01");
    expect(show("0.00")).toBe("$0.00");
    expect(show("0.0123456")).toBe("$0.0123");
    expect(show("0.0000843")).toBe("$0.00008430");
    expect(show("-2.5")).toBe("−$2.50");
    expect(show("999.999", 2)).toBe("$1,000.00");
  });
  test("a column has the digits that its largest amount needs", () => {
    const digits = (...texts: string[]) => digitsFor(texts.map((text) => parseDollars(text)!));
    expect(digits()).toBe(2);
    expect(digits("0.00")).toBe(2);
    expect(digits("0.000001", "1.00")).toBe(2);
    expect(digits("0.99")).toBe(4);
    expect(digits("0.000001", "0.0123")).toBe(4);
    expect(digits("0.0001")).toBe(6);
    expect(digits("0.000000000001")).toBe(12);
  });
});

describe("time", () => {
  test("buckets leave nothing out, over leap days and years", () => {
    const from = dayFrom("2027-12-31")!, to = dayFrom("2028-03-02")!;
    expect(bucketsIn("day", from, to)).toHaveLength(62);
    expect(bucketsIn("month", from, to).map((at) => bucketText("month", at))).toEqual(["Dec 2027", "Jan 2028", "Feb 2028", "Mar 2028"]);
    expect(bucketsIn("hour", from, from + kDay)).toHaveLength(24);
    expect(monthBegin(from, 1)).toBe(dayFrom("2028-01-01"));
  });
  test("a day is told in UTC", () => {
    expect(bucketText("day", dayFrom("2026-11-30")!)).toBe("30 Nov 2026");
    expect(dayField(dayFrom("2026-11-30")! + kDay - 1)).toBe("2026-11-30");
    expect(dayFrom("30.11.2026")).toBeUndefined();
  });
});

test("a spreadsheet gets values, not formulas", () => {
  expect(csv([["a", 1, "=1+1"], ["x,y", "say \"hi\"", "-0.50"]])).toBe("a,1,'=1+1\r\n\"x,y\",\"say \"\"hi\"\"\",-0.50\r\n");
});
