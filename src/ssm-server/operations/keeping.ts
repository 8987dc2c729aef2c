import { z } from 'zod';
import { type Call, type Operation, type Touched, managed, notFound } from '../call.js';
import { parameterName, readInput, tagList, text } from '../input.js';
import { WireError, invalid } from '../wire-error.js';

const deleteInput = z.object({ Name: parameterName });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html */
export const deleteParameter: Operation = {
  async run(call, given) {
    const { path } = call.plain(readInput(deleteInput, given).Name, 'delete');
    const outcome = await call.parameters.delete(call.environment, path, call.writer);
    if (outcome !== 'done') throw undeleted[outcome]();
    call.isRecorded = true;
    return {};
  },
};

const deleteManyInput = z.object({ Names: z.array(parameterName).min(1).max(10) });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html */
export const deleteParameters: Operation = {
  async run(call, given) {
    const names = [...new Set(readInput(deleteManyInput, given).Names)];
    const paths = names.map((name) => call.plain(name, 'delete').path);
    const [deleted, kept]: [string[], string[]] = [[], []];
    // What is gone is written down with its going; the others are written down at the end, or where it breaks off.
    const left: Touched[] = [];
    for (const [index, path] of paths.entries()) {
      const outcome = await call.parameters.delete(call.environment, path, call.writer);
      if (outcome !== 'done') left.push({ path, version: null, outcome: undeleted[outcome]().type });
      (outcome === 'done' ? deleted : kept).push(names[index] ?? '');
      call.ended([...left, ...paths.slice(index + 1).map((each) => ({ path: each, version: null }))]);
    }
    call.isRecorded = kept.length === 0;
    return { DeletedParameters: deleted, InvalidParameters: kept };
  },
};

const isProtected = (): WireError =>
  invalid('The parameter is protected: its tag keyturn:protected or keyturn:immutable is true.');

/** Why a parameter was not deleted. */
const undeleted = { managed, missing: notFound, protected: isProtected } as const;

const resource = { ResourceType: text(64), ResourceId: text(2_048, 1) };

const addInput = z.object({ ...resource, Tags: tagList });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html */
export const addTagsToResource: Operation = {
  async run(call, given) {
    const input = readInput(addInput, given);
    const add = Object.fromEntries(input.Tags.map(({ Key, Value }) => [Key, Value]));
    await changeTags(call, input, { add, remove: [] });
    return {};
  },
};

const removeInput = z.object({ ...resource, TagKeys: z.array(text(128, 1)).max(1_000) });

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html */
export const removeTagsFromResource: Operation = {
  async run(call, given) {
    const input = readInput(removeInput, given);
    await changeTags(call, input, { add: {}, remove: input.TagKeys });
    return {};
  },
};

const listInput = z.object(resource);

/** https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html */
export const listTagsForResource: Operation = {
  async run(call, given) {
    const path = resourceOf(call, readInput(listInput, given), 'read');
    const tags = await call.parameters.tags(call.environment, path);
    if (tags === null) throw noResource();
    return { TagList: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })) };
  },
};

interface Resource {
  readonly ResourceType: string;
  readonly ResourceId: string;
}

async function changeTags(
  call: Call,
  given: Resource,
  change: { readonly add: Readonly<Record<string, string>>; readonly remove: readonly string[] },
): Promise<void> {
  const path = resourceOf(call, given, 'write');
  const outcome = await call.parameters.tag(call.environment, path, change, call.writer);
  switch (outcome) {
    case 'done':
      call.isRecorded = true;
      return;
    case 'missing':
      throw noResource();
    case 'protected':
      throw isProtected();
    case 'limit':
      throw new WireError('TooManyTagsError', 'A parameter has at most 50 tags.');
    default:
      outcome satisfies never;
  }
}

function resourceOf(call: Call, { ResourceType, ResourceId }: Resource, verb: 'read' | 'write'): string {
  if (ResourceType !== 'Parameter') {
    throw new WireError('InvalidResourceType', 'The resource type is not valid. Parameter is the one there is here.');
  }
  return call.plain(ResourceId, verb).path;
}

const noResource = (): WireError => new WireError('InvalidResourceId', 'The resource ID is not valid.');
