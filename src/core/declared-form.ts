/** The data types a parameter can be declared to have. `text` is any. */
const forms: Readonly<Record<string, { readonly name: string; readonly fits: (value: string) => boolean }>> = {
  text: { name: 'text', fits: () => true },
  json: { name: 'JSON', fits: isJson },
  jsonc: { name: 'JSON', fits: (value) => isJson(withoutComments(value)) },
  url: { name: 'a URL', fits: (value) => URL.canParse(value) },
  'aws:ec2:image': { name: 'the id of an image', fits: (value) => /^ami-[0-9a-f]{8,17}$/.test(value) },
};

/** Every data type there is. */
export const dataTypes: readonly string[] = Object.keys(forms);

/** What a value of this data type should be and is not; `undefined`: it is, or there is no such data type. */
export function formFault(value: string, dataType: string): string | undefined {
  const form = Object.hasOwn(forms, dataType) ? forms[dataType] : undefined;
  return form === undefined || form.fits(value) ? undefined : form.name;
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** Comments outside of strings; a comma before a closing bracket goes with them. */
function withoutComments(value: string): string {
  return value
    .replace(/("(?:[^"\\]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, quoted: string | undefined) => quoted ?? ' ')
    .replace(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, (_, quoted: string | undefined) => quoted ?? '');
}
