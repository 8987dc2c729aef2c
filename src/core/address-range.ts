/** An address by its bits, and how many of them count. */
interface Range {
  readonly bytes: readonly number[];
  readonly bits: number;
}

/** True for `10.1.2.3`, `10.1.0.0/16`, `2001:db8::1` and `2001:db8::/32`. */
export function isAddressRange(text: string): boolean {
  return rangeOf(text) !== undefined;
}

/** True where an address is in a range. An IPv4 address may be written as one of IPv6 (`::ffff:10.1.2.3`). */
export function isInRange(address: string, range: string): boolean {
  const [one, all] = [bytesOf(address), rangeOf(range)];
  if (one === undefined || all === undefined || one.length !== all.bytes.length) return false;
  return all.bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, all.bits - index * 8));
    return ((byte ^ (one[index] ?? 0)) & (0xff00 >> bits) & 0xff) === 0;
  });
}

function rangeOf(text: string): Range | undefined {
  const [address = '', length, ...more] = text.split('/');
  const bytes = bytesOf(address);
  if (bytes === undefined || more.length > 0) return undefined;
  if (length === undefined) return { bytes, bits: bytes.length * 8 };
  if (!/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  // A range of IPv4 addresses that are written as ones of IPv6 counts the 96 bits before them.
  const isMapped = address.includes(':') && bytes.length === 4;
  const bits = Number(length) - (isMapped ? 96 : 0);
  return bits < 0 || bits > bytes.length * 8 ? undefined : { bytes, bits };
}

/** Four bytes, or sixteen. */
function bytesOf(text: string): readonly number[] | undefined {
  if (!text.includes(':')) return v4BytesOf(text);
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const [before, after] = [groupsOf(head), groupsOf(tail ?? '')];
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  // `::` stands for one group at the least.
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  const bytes = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12) : bytes;
}

function v4BytesOf(text: string): readonly number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.map(Number);
}

/** Groups of four hexadecimal digits; the last may be an IPv4 address. */
function groupsOf(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const groups = text.split(':');
  const bytes: number[] = [];
  for (const [index, group] of groups.entries()) {
    const v4 = index === groups.length - 1 && group.includes('.') ? v4BytesOf(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255);
    else return undefined;
  }
  return bytes;
}
