// The whole story over HTTP, told by a client made from the OpenAPI document alone: what it sends and
// reads is checked by the compiler, what comes back by the assertions. C360_URL names the service,
// C360_TOKEN an administrator's token, and the mailbox `crm` is there.
import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { paths } from './openapi.js';

type Client = ReturnType<typeof createClient<paths>>;

function environment(name: string): string {
  const value = process.env[name];
  assert.ok(value, `${name} is not set`);
  return value;
}

const baseUrl = environment('C360_URL');

function connect(token: string): Client {
  return createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
}

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

// What a request that must succeed brings.
async function good<Data>(asked: Promise<Answer<Data>>): Promise<NonNullable<Data>> {
  const { data, error, response } = await asked;
  assert.ok(response.ok, `${response.status} ${response.url}: ${JSON.stringify(error)}`);
  assert.ok(data !== undefined && data !== null, `${response.url}: no body`);
  return data;
}

async function done(asked: Promise<Answer<unknown>>): Promise<void> {
  const { error, response } = await asked;
  assert.ok(response.ok, `${response.status} ${response.url}: ${JSON.stringify(error)}`);
}

async function refused(asked: Promise<Answer<unknown>>, status: number): Promise<void> {
  const { response } = await asked;
  assert.equal(response.status, status, response.url);
}

// The id of a record; every answer that shows a whole one has it.
async function made(asked: Promise<Answer<{ id?: number }>>): Promise<number> {
  const { id } = await good(asked);
  assert.ok(id !== undefined);
  return id;
}

function first<Item>(page: { items: Item[] }): Item {
  const item = page.items[0];
  assert.ok(item !== undefined, 'the list is empty');
  return item;
}

const ops = connect(environment('C360_TOKEN'));

interface Person {
  id: number;
  api: Client;
}

async function join(login: string, groups: string[]): Promise<Person> {
  const id = await made(ops.POST('/api/v1/users', { body: { login, last_name: login } }));
  for (const group of groups) {
    await done(
      ops.PUT('/api/v1/groups/{id}/members/{child_id}', {
        params: { path: { id: group, child_id: id } },
        body: {},
      }),
    );
  }
  const { token } = await good(
    ops.POST('/api/v1/tokens', { body: { login, name: 'scenario', scopes: ['admin'] } }),
  );
  return { id, api: connect(token) };
}

const mail = [
  'From: Site <site@shop.example>',
  'Message-ID: <contract@shop.example>',
  'Subject: Запрос стоимости',
  'Content-Type: text/plain; charset=utf-8',
  '',
  'Имя: Анна Иванова',
  'Компания: ООО «Ромашка»',
  'E-mail: anna@romashka.example',
  'Телефон: +7 495 123-45-67',
  '',
].join('\r\n');

async function receive(text: string): Promise<void> {
  const result = await good(
    ops.POST('/api/v1/mail/import', {
      params: { query: { mailbox: 'crm' } },
      headers: { 'Content-Type': 'message/rfc822' },
      body: text,
      bodySerializer: (body) => body,
    }),
  );
  assert.equal(result.mails, 1);
}

// A mail becomes a deal, which the seller takes to work by its task.
async function dealOfMail(seller: Person): Promise<number> {
  await receive(mail);
  const deal = first(await good(seller.api.GET('/api/v1/deals')));
  assert.equal(deal.company_text, 'ООО «Ромашка»');
  assert.equal(deal.stage_code, 'processing');
  const task = first(
    await good(seller.api.GET('/api/v1/tasks', { params: { query: { scope: 'current' } } })),
  );
  assert.ok(task.id !== undefined && deal.id !== undefined);
  await done(
    seller.api.POST('/api/v1/tasks/{id}/complete', {
      params: { path: { id: task.id } },
      body: { outcome: 'take_to_work' },
    }),
  );
  const taken = await good(
    seller.api.GET('/api/v1/deals/{id}', { params: { path: { id: deal.id } } }),
  );
  assert.equal(taken.responsible_id, seller.id);
  return deal.id;
}

// A lead is qualified, gets its counterparty and becomes a deal.
async function dealOfLead(seller: Person): Promise<{ deal: number; company: number }> {
  const lead = await made(
    seller.api.POST('/api/v1/leads', {
      body: { name: 'Звонок', company_text: 'ООО «Ромашка»', request_type: 'deal' },
    }),
  );
  const path = { id: lead };
  await done(
    seller.api.POST('/api/v1/leads/{id}/status', { params: { path }, body: { status: 'interest' } }),
  );
  const company = await made(
    seller.api.POST('/api/v1/leads/{id}/create-counterparty', {
      params: { path },
      body: {
        inn: '7707083893',
        segment_code: 'small',
        acquisition_channel_code: 'site',
        status_code: 'potential',
      },
    }),
  );
  const deal = await made(
    seller.api.POST('/api/v1/leads/{id}/convert', { params: { path }, body: {} }),
  );
  const converted = await good(seller.api.GET('/api/v1/leads/{id}', { params: { path } }));
  assert.equal(converted.status, 'deal_creation');
  return { deal, company };
}

// What would move is shown first; afterwards the old id leads to the new record.
async function merge(seller: Person, from: number, into: number): Promise<void> {
  const path = { id: from };
  await done(
    seller.api.POST('/api/v1/deals/{id}/merge', { params: { path }, body: { into, dry_run: true } }),
  );
  assert.equal(
    (await good(seller.api.GET('/api/v1/deals/{id}', { params: { path } }))).id,
    from,
    'only shown',
  );
  await done(
    seller.api.POST('/api/v1/deals/{id}/merge', { params: { path }, body: { into, confirm: true } }),
  );
  const followed = await good(seller.api.GET('/api/v1/deals/{id}', { params: { path } }));
  assert.equal(followed.id, into);
}

// Anna becomes a contact of the customer, and writes about the deal that is left.
async function writesAgain(seller: Person, deal: number, company: number): Promise<void> {
  const contact = first(
    await good(
      seller.api.GET('/api/v1/deals/{id}/contacts', { params: { path: { id: deal } } }),
    ),
  );
  assert.equal(contact.email, 'anna@romashka.example');
  assert.ok(contact.id !== undefined);
  await done(
    seller.api.PATCH('/api/v1/contacts/{id}', {
      params: { path: { id: contact.id }, header: { 'If-Match': '*' } },
      body: { counterparty_id: company },
    }),
  );
  const { number } = await good(
    seller.api.GET('/api/v1/deals/{id}', { params: { path: { id: deal } } }),
  );
  await receive(
    [
      'From: Anna <anna@romashka.example>',
      'Message-ID: <again@romashka.example>',
      `Subject: Re: Сделка #${number}`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      'Когда начнём?',
      '',
    ].join('\r\n'),
  );
}

// Product, contract, order with its lines, a payment planned and paid.
async function sell(seller: Person, deal: number): Promise<number> {
  const product = await made(
    ops.POST('/api/v1/products', {
      body: {
        name: 'Внедрение',
        kind: 'service',
        unit_code: '356',
        price: '100000.00',
        vat_rate_code: 'vat22',
      },
    }),
  );
  const contract = await made(
    seller.api.POST('/api/v1/deals/{id}/contracts', { params: { path: { id: deal } }, body: {} }),
  );
  const order = await made(
    seller.api.POST('/api/v1/deals/{id}/orders', {
      params: { path: { id: deal } },
      body: { items: [{ product_id: product, quantity: '2' }] },
    }),
  );
  const path = { id: order };
  const due = await good(seller.api.GET('/api/v1/orders/{id}', { params: { path } }));
  assert.equal(due.total_amount_with_vat, '244000.00');
  assert.equal(due.contract_id, contract, 'that of its deal');
  const payment = await made(
    seller.api.POST('/api/v1/payments', {
      body: { order_id: order, status: 'planned', planned_payment_date: '2099-12-01' },
    }),
  );
  await done(
    seller.api.POST('/api/v1/payments/{id}/status', {
      params: { path: { id: payment } },
      body: { status: 'paid', fact_payment_date: '2026-01-20' },
    }),
  );
  const paid = await good(seller.api.GET('/api/v1/orders/{id}', { params: { path } }));
  assert.equal(paid.balance_due, '0.00');
  return contract;
}

async function attach(seller: Person, deal: number): Promise<void> {
  const text = 'План работ';
  const document = await made(
    seller.api.POST('/api/v1/deals/{id}/documents', {
      params: { path: { id: deal }, query: { name: 'plan.txt' } },
      headers: { 'Content-Type': 'text/plain' },
      body: text,
      bodySerializer: (body) => body,
    }),
  );
  const { data } = await seller.api.GET('/api/v1/documents/{id}/content', {
    params: { path: { id: document } },
    parseAs: 'text',
  });
  assert.equal(data, text);
}

// The customer asks for support and is answered; what employees say among themselves is not his.
async function support(company: number): Promise<Client> {
  const login = await made(
    ops.POST('/api/v1/counterparty-users', {
      body: {
        counterparty_id: company,
        login: 'anna',
        email: 'anna@romashka.example',
        full_name: 'Анна Иванова',
        status: 'active',
        role: 'member',
      },
    }),
  );
  const { token } = await good(
    ops.POST('/api/v1/counterparty-users/{id}/tokens', {
      params: { path: { id: login } },
      body: { name: 'portal' },
    }),
  );
  const portal = connect(token);
  const id = await made(
    portal.POST('/api/v1/portal/support-requests', {
      body: { subject: 'Не открывается отчёт', content: '<p>Ошибка</p>' },
    }),
  );
  const engineer = await join('engineer', ['support-line-1']);
  const path = { id };
  await done(
    engineer.api.POST('/api/v1/support-requests/{id}/comments', {
      params: { path },
      body: { text: 'Опять отчёты', is_internal: true },
    }),
  );
  for (const status of ['first_line_work', 'approve'] as const) {
    await done(
      engineer.api.POST('/api/v1/support-requests/{id}/status', {
        params: { path },
        body: { status },
      }),
    );
  }
  const heard = await good(
    portal.GET('/api/v1/support-requests/{id}/comments', { params: { path } }),
  );
  assert.deepEqual(heard.items, [], 'internal comments are not for customers');
  const closed = await good(
    portal.POST('/api/v1/portal/support-requests/{id}/answer', {
      params: { path },
      body: { approved: true },
    }),
  );
  assert.equal(closed.status, 'closed');
  return portal;
}

type Card = Awaited<ReturnType<typeof cardOf>>;

async function cardOf(who: Person, company: number, as_of?: string) {
  return good(
    who.api.GET('/api/v1/counterparties/{id}/360', {
      params: { path: { id: company }, query: as_of === undefined ? {} : { as_of } },
    }),
  );
}

// How many there are of each list of the card.
function totals({ tabs }: Card): Record<string, number | null | undefined> {
  return {
    contacts: tabs.main?.contacts?.total,
    documents: tabs.documents?.documents?.total,
    leads: tabs.crm?.leads?.total,
    deals: tabs.crm?.deals?.total,
    orders: tabs.crm?.orders?.total,
    payments: tabs.crm?.payments?.total,
    contracts: tabs.contracts?.contracts?.total,
    requests: tabs.support?.requests?.total,
  };
}

interface Moments {
  early: string; // before anything was sold
  before: string; // before there was a request for support
}

const everything = {
  contacts: 1,
  documents: 1,
  leads: 1,
  deals: 1,
  orders: 1,
  payments: 1,
  contracts: 1,
  requests: 1,
};

// The card of the customer shows all of it at once, and how it stood at moments before.
async function card(
  seller: Person,
  company: number,
  contract: number,
  moments: Moments,
): Promise<void> {
  const now = await cardOf(seller, company);
  assert.deepEqual(totals(now), everything);
  const { tabs } = now;
  assert.equal(tabs.main?.counterparty?.inn, '7707083893');
  assert.equal(tabs.main?.contacts?.items[0]?.email, 'anna@romashka.example');
  assert.equal(tabs.documents?.documents?.items[0]?.name, 'plan.txt');
  assert.equal(tabs.crm?.deals?.items[0]?.contract_id, contract);
  assert.equal(tabs.crm?.orders?.items[0]?.contract_id, contract);
  assert.equal(tabs.crm?.payments?.items[0]?.status, 'paid');
  assert.equal(tabs.crm?.sums?.payments[0]?.paid, '244000.00');
  assert.equal(tabs.contracts?.contracts?.items[0]?.id, contract);
  // Mails themselves are for administrators.
  const { tabs: whole } = await cardOf({ id: 0, api: ops }, company);
  assert.ok((whole.correspondence?.mails?.total ?? 0) > 0, 'the mail of the deal');
  assert.equal(tabs.support?.open, 0);

  const past = await cardOf(seller, company, moments.before);
  assert.equal(past.as_of, moments.before);
  assert.deepEqual(totals(past), { ...everything, requests: 0 });
  const earliest = await cardOf(seller, company, moments.early);
  assert.deepEqual(totals(earliest), {
    ...everything,
    documents: 0,
    orders: 0,
    payments: 0,
    contracts: 0,
    requests: 0,
  });
  assert.equal(earliest.tabs.crm?.deals?.items[0]?.contract_id, null);
}

async function mayBeSeen(
  deal: number,
  company: number,
  portal: Client,
  director: Person,
): Promise<void> {
  const observer = await join('observer', []);
  const stranger = await join('stranger', []);
  const path = { id: deal };
  await done(
    ops.PUT('/api/v1/deals/{id}/observers/{child_id}', {
      params: { path: { id: deal, child_id: observer.id } },
      body: {},
    }),
  );
  await done(
    ops.PUT('/api/v1/counterparties/{id}/observers/{child_id}', {
      params: { path: { id: company, child_id: observer.id } },
      body: {},
    }),
  );
  // The director may do to the deal what an observer only looks at; support is not theirs.
  const whole = await cardOf(director, company);
  assert.deepEqual(totals(whole), { ...everything, requests: 0 });
  const offered = ({ tabs }: Card) =>
    (tabs.crm?.deals?.items[0]?.actions ?? []).map(({ name }) => name);
  assert.ok(offered(whole).includes('assign'));
  const part = await cardOf(observer, company);
  assert.deepEqual(totals(part), { ...everything, leads: 0, contracts: 0, requests: 0 });
  assert.equal(part.tabs.crm?.deals?.items[0]?.id, deal);
  assert.deepEqual(
    offered(part).filter((name) => name === 'update' || name === 'assign'),
    [],
  );
  await refused(
    stranger.api.GET('/api/v1/counterparties/{id}/360', { params: { path: { id: company } } }),
    404,
  );
  const header = { 'If-Match': '*' };
  const body = { description: '<p>Срочно</p>' };
  await done(observer.api.GET('/api/v1/deals/{id}', { params: { path } }));
  await refused(observer.api.PATCH('/api/v1/deals/{id}', { params: { path, header }, body }), 403);
  await refused(stranger.api.GET('/api/v1/deals/{id}', { params: { path } }), 404);
  const found = await good(
    stranger.api.GET('/api/v1/search', { params: { query: { q: 'Ромашка' } } }),
  );
  assert.deepEqual(found.items, []);
  await refused(portal.GET('/api/v1/deals/{id}', { params: { path } }), 403);
  await refused(
    portal.GET('/api/v1/counterparties/{id}/360', { params: { path: { id: company } } }),
    403,
  );
}

const seller = await join('seller', ['crm-manager']);
const director = await join('director', ['crm-cco']);

const mailed = await dealOfMail(seller);
const { deal, company } = await dealOfLead(seller);
await merge(seller, mailed, deal);
await writesAgain(seller, deal, company);
const { as_of: early } = await cardOf(seller, company);
const contract = await sell(seller, deal);
await attach(seller, deal);
const { as_of: before } = await cardOf(seller, company);
const portal = await support(company);
await card(seller, company, contract, { early, before });
const assign = { params: { path: { id: deal } }, body: { user_id: director.id } };
await refused(seller.api.POST('/api/v1/deals/{id}/assign', assign), 403);
await done(director.api.POST('/api/v1/deals/{id}/assign', assign));
await mayBeSeen(deal, company, portal, director);
console.log('the story is told');
