/**
 * Says which types of the newest `openai` package become definitions of `schema.json`. `schema.mjs` reads this file. The names
 * are those of OpenAI's published schema, so that tests can check a value against both schemas.
 */
import type { BetaResponse } from "openai-7/resources/beta/responses/responses";
import type { ContainerRetrieveResponse } from "openai-7/resources/containers/containers";
import type { FileListResponse, FileRetrieveResponse } from "openai-7/resources/containers/files/files";
import type { ConversationItemList } from "openai-7/resources/conversations/items";
import type { ResponseItemList } from "openai-7/resources/responses/input-items";
import type {
  Response,
  ResponseCreateParams,
  ResponseInputItem,
  ResponseOutputItem,
  ResponseOutputText,
  ResponseStreamEvent,
} from "openai-7/resources/responses/responses";
import type { ErrorObject } from "openai-7/resources/shared";

export interface Definitions {
  Response: Response;
  /** A response of several agents. OpenAI's schema has no definition for it. */
  BetaResponse: BetaResponse;
  ResponseStreamEvent: ResponseStreamEvent;
  OutputItem: ResponseOutputItem;
  OutputTextContent: ResponseOutputText;
  CreateResponse: ResponseCreateParams;
  InputItem: ResponseInputItem;
  ResponseItemList: ResponseItemList;
  ConversationItemList: ConversationItemList;
  ContainerResource: ContainerRetrieveResponse;
  ContainerFileResource: FileRetrieveResponse;
  /** The package has no type for this list. It has only a class for one page of the list. */
  ContainerFileListResource: {
    object: "list";
    data: FileListResponse[];
    first_id: string | null;
    last_id: string | null;
    has_more: boolean;
  };
  ErrorResponse: { error: ErrorObject };
}
