import type { CachedReader, Reading } from '../consumer/cached-reader.js';
import { ParameterReadError } from '../consumer/parameter-read-error.js';
import type { StoredParameter } from './stored-parameter.js';

/** What is answered: the status, and one JSON document. */
export interface WireAnswer {
  readonly status: number;
  /** SSM's own name of an error; undefined: it is none. */
  readonly error?: string;
  readonly body: object;
}

/** Who is asked, and for what. */
export interface AnsweredParameters {
  readonly reader: CachedReader<StoredParameter>;
  /** The paths that may be asked for, with whatever version or label. */
  readonly secrets: ReadonlySet<string>;
}

/** A refusal as SSM says it. */
class Refusal extends Error {
  constructor(
    readonly type: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

/** Parameters in one call. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html */
const maxNames = 10;

/**
 * Answers GetParameter and GetParameters of AWS SSM from memory. Who may ask is a matter of who may open the socket: a
 * signature is not looked at. Never throws.
 */
export async function answerParameters(
  { reader, secrets }: AnsweredParameters,
  request: { readonly target: string | undefined; readonly body: string },
): Promise<WireAnswer> {
  try {
    const input = inputOf(request.body);
    switch (request.target) {
      case 'AmazonSSM.GetParameter': {
        const [name = ''] = namesIn([input['Name']], secrets);
        return { status: 200, body: { Parameter: parameterOf(name, await reader.read(name), input) } };
      }
      case 'AmazonSSM.GetParameters': {
        const given: unknown = input['Names'];
        if (!Array.isArray(given) || given.length < 1 || given.length > maxNames) {
          throw new Refusal('ValidationException', `Names takes from 1 to ${maxNames} names.`);
        }
        const names = [...new Set(namesIn(given, secrets))];
        const found = await Promise.all(names.map((name) => reader.read(name).catch(unlessMissing)));
        return {
          status: 200,
          body: {
            InvalidParameters: names.filter((_, at) => found[at] === undefined),
            Parameters: names.flatMap((name, at) => {
              const reading = found[at];
              return reading === undefined ? [] : [parameterOf(name, reading, input)];
            }),
          },
        };
      }
      default:
        throw new Refusal(
          'UnknownOperationException',
          'This is a cache: it answers GetParameter and GetParameters.',
          404,
        );
    }
  } catch (error) {
    const { type, message, status } = refusalOf(error);
    return { status, error: type, body: { __type: type, message } };
  }
}

function inputOf(body: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new Refusal('SerializationException', 'The request body is not JSON.');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new Refusal('ValidationException', 'The request body is no object.');
  }
  // Each member is looked at where it is used.
  return parsed as Readonly<Record<string, unknown>>;
}

/** What is not named at the start is refused as by a policy, whether it exists or not. */
function namesIn(given: readonly unknown[], secrets: ReadonlySet<string>): readonly string[] {
  return given.map((name) => {
    if (typeof name !== 'string') throw new Refusal('ValidationException', 'A name is a text.');
    const path = /^([^:]+)(:[A-Za-z0-9_.-]{1,100})?$/.exec(name)?.[1];
    if (path === undefined || !secrets.has(path)) {
      throw new Refusal('AccessDeniedException', 'The agent was not started with --secret for this parameter.');
    }
    return name;
  });
}

/** Times are seconds since 1970 on this wire. */
function parameterOf(
  asked: string,
  { value: parameter, version }: Reading<StoredParameter>,
  { WithDecryption }: Readonly<Record<string, unknown>>,
): object {
  if (parameter.type === 'SecureString' && WithDecryption !== true) {
    throw new Refusal('ValidationException', 'This cache holds values in clear: ask with WithDecryption.');
  }
  const { arn, dataType, lastModifiedMs, name, type, value } = parameter;
  const colon = asked.indexOf(':');
  return {
    ...(arn === undefined ? {} : { ARN: arn }),
    ...(dataType === undefined ? {} : { DataType: dataType }),
    ...(lastModifiedMs === undefined ? {} : { LastModifiedDate: lastModifiedMs / 1_000 }),
    ...{ Name: name, Type: type, Value: value, Version: version },
    ...(colon === -1 ? {} : { Selector: asked.slice(colon) }),
  };
}

const missing: ReadonlySet<string> = new Set(['ParameterNotFound', 'ParameterVersionNotFound']);

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof ParameterReadError) || !missing.has(error.reason)) throw error;
  return undefined;
}

/** What the store says of the request goes on; what is wrong with the store is 500, which every SDK asks again. */
function refusalOf(error: unknown): Pick<Refusal, 'type' | 'message' | 'status'> {
  if (error instanceof Refusal) return error;
  const reason = error instanceof ParameterReadError ? error.reason : '';
  if (missing.has(reason) || ['AccessDeniedException', 'ThrottlingException'].includes(reason)) {
    return { type: reason, message: 'As the store answered.', status: 400 };
  }
  return {
    type: 'InternalServerError',
    message: 'The store cannot be read, and nothing young enough is held.',
    status: 500,
  };
}
