#include "api/russian.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/base/text.h"

namespace c360::api {
namespace {

// `{}` stands for what changes: names, numbers, what was sent. In the Russian sentence they come in
// the same order; `{word}` is translated itself.
struct Sentence {
  std::string_view english;
  std::string_view russian;
};

constexpr std::array kSentences = {
    // Types and spelling: store/record_json.cpp.
    Sentence{"Expected a whole number.", "Ожидается целое число."},
    Sentence{"Expected a number between {} and {}.", "Ожидается число от {} до {}."},
    Sentence{"Expected a decimal number with at most {} digits after the point, as a string such "
             "as \"100.10\".",
             "Ожидается десятичное число, не больше {} знаков после точки, строкой, например "
             "\"100.10\"."},
    Sentence{"Expected a number with at most {} digits after the point and no exponent.",
             "Ожидается число, не больше {} знаков после точки, без показателя степени."},
    Sentence{"Expected an array of whole numbers.", "Ожидается список целых чисел."},
    Sentence{"Expected an array of strings.", "Ожидается список строк."},
    Sentence{"Expected a date such as 2026-01-31.", "Ожидается дата вида 2026-01-31."},
    Sentence{"Expected an ISO 8601 duration such as PT30M.",
             "Ожидается длительность по ISO 8601, например PT30M."},
    Sentence{"Expected a time such as 2026-01-31T10:15:00Z (RFC 3339).",
             "Ожидается время вида 2026-01-31T10:15:00Z (RFC 3339)."},
    Sentence{"Expected true or false.", "Ожидается true или false."},
    // Generated documents: store/model/document.cpp; attachments:
    // store/operations/order_message.cpp.
    Sentence{"A generated document keeps its type and its number.",
             "Тип и номер сформированного документа не меняются."},
    Sentence{"What was issued keeps what it says; generate a new document.",
             "Выставленный документ не меняется; сформируйте новый."},
    Sentence{"This is the page a PDF is printed from; send the version with the PDF or the DOCX.",
             "Это страница, с которой печатается PDF; отправьте версию с PDF или DOCX."},
    Sentence{
        "Neither the contact nor the customer nor a contact of the record has this number: add "
        "it to a card first.",
        "Этого номера нет ни у контактного лица, ни у клиента, ни у контактов объекта: "
        "сначала внесите его в карточку."},
    Sentence{"An SMS carries text alone.", "В SMS нет вложений, только текст."},
    Sentence{"Send your own id: a webhook is taken over, not given.",
             "Укажите свой id: веб-хук принимают на себя, а не передают другому."},
    // Cards filled by a register: api/autofill_routes.cpp.
    Sentence{"Give the counterparty its INN first.", "Сначала укажите ИНН контрагента."},
    // Batches of express reports: api/report_batch_routes.cpp, store/operations/report_batch.cpp.
    Sentence{"Expected the filter of a list, as in its URL.",
             "Ожидается фильтр списка, как в его адресе."},
    Sentence{"The filter is not percent-encoded UTF-8.",
             "Фильтр не в UTF-8 с процентным кодированием."},
    Sentence{"The batch is the whole list: leave out {}.",
             "Пакет охватывает весь список: уберите {}."},
    Sentence{"Known are ids, filter, refresh and dry_run.",
             "Известны ids, filter, refresh и dry_run."},
    Sentence{"Send ids, a list of ids of counterparties, or filter.",
             "Пришлите ids, список id контрагентов, или filter."},
    Sentence{"At most {} counterparties in one batch (kontur_focus.batch_limit).",
             "Не больше {} контрагентов в одном пакете (kontur_focus.batch_limit)."},
    Sentence{"Expected hexadecimal digits.", "Ожидаются шестнадцатеричные цифры."},
    Sentence{"Expected an http or https address.", "Ожидается адрес http или https."},
    Sentence{"Expected a-z, then a-z, 0-9 and _, at most {} characters.",
             "Ожидается a-z, затем a-z, 0-9 и _, не длиннее {} знаков."},
    Sentence{"Expected a whole number, or \"*\".", "Ожидается целое число или \"*\"."},
    Sentence{"Expected an object of fields.", "Ожидается объект с полями."},
    Sentence{"Expected {word}, got {word}.", "Ожидается {word}, получено: {word}."},
    Sentence{"\"{}\" is not one of: {}.", "\"{}\" не входит в список: {}."},
    Sentence{"\"{}\" is not a mail domain.", "\"{}\" не почтовый домен."},
    Sentence{"The value may not be negative.", "Значение не может быть отрицательным."},
    Sentence{"The value is too large.", "Значение слишком велико."},
    Sentence{"The value is not allowed here.", "Такое значение здесь не допускается."},
    Sentence{"The value contains a zero character.", "В значении есть нулевой символ."},
    Sentence{"The text is too long or contains a zero character.",
             "Текст слишком длинный или содержит нулевой символ."},
    Sentence{"The text contains a zero character.", "В тексте есть нулевой символ."},
    Sentence{"At most {} characters.", "Не больше {} знаков."},
    Sentence{"At most {} elements.", "Не больше {} элементов."},
    Sentence{"At most {} bytes of JSON.", "Не больше {} байт JSON."},
    Sentence{"An element has at most {} bytes.", "Элемент не длиннее {} байт."},
    Sentence{"At least one type.", "Нужен хотя бы один тип."},
    Sentence{"This is not an e-mail address.", "Это не адрес электронной почты."},
    Sentence{"This value is not set here.", "Это значение здесь не задаётся."},
    Sentence{"An empty text is no value; {}", "Пустой текст не значение."},
    // Fields and references: store/validation.cpp, store/custom_fields.cpp.
    Sentence{"A value is required.", "Поле обязательно."},
    Sentence{"There is no such field; writable fields: {}.", "Такого поля нет; есть поля: {}."},
    Sentence{"There is no such custom field; {}", "Такого дополнительного поля нет; {}"},
    Sentence{"The field is kept by the service.", "Поле ведёт сама служба."},
    Sentence{"The field is set on creation only.", "Поле задаётся только при создании."},
    Sentence{"There is no {} {} you may use here.",
             "Нет такой записи, которую вы можете указать: {} {}."},
    Sentence{"There is no such {}.", "Такой записи нет: {}."},
    Sentence{"{} of the fields of this {} cannot be accepted; see errors.",
             "Не приняты поля ({}), запись: {}; см. errors."},
    Sentence{"{} names something that does not exist.", "{}: указано то, чего нет."},
    Sentence{"Another {} has the same {}.", "Уже есть запись ({}) с таким же полем {}."},
    Sentence{"There is such a {} already.", "Такая запись уже есть: {}."},
    Sentence{"The group would be, over some steps, inside itself.",
             "Группа оказалась бы внутри самой себя."},
    Sentence{"A group cannot be inside itself.", "Группа не может входить в саму себя."},
    Sentence{"The user would be, over some steps, his own line manager.",
             "Пользователь оказался бы собственным руководителем."},
    Sentence{
        "The customer is on the black list: a new deal needs blacklist_confirmed: true, on the "
        "lead where it is made from one.",
        "Клиент в чёрном списке: новой сделке нужно blacklist_confirmed: true, у лида, если она "
        "делается из него."},
    Sentence{"A public mail domain does not belong to one company.",
             "Общедоступный почтовый домен не принадлежит одной компании."},
    Sentence{"The contract belongs to another counterparty.",
             "Договор относится к другому контрагенту."},
    // Identifiers: daemon/base/identifiers.cpp.
    Sentence{"an INN has 10 or 12 digits", "В ИНН 10 или 12 цифр."},
    Sentence{"an INN has digits only", "В ИНН только цифры."},
    Sentence{"an INN of zeros is nobody's", "ИНН из нулей не бывает."},
    Sentence{"the check digit of the INN does not fit: a digit is wrong or two are swapped",
             "Контрольная цифра ИНН не сходится: ошибка в цифре или две переставлены."},
    Sentence{"a KPP has 9 characters", "В КПП 9 знаков."},
    Sentence{"a KPP has 4 digits, 2 digits or capital letters A-Z, 3 digits",
             "КПП: 4 цифры, 2 цифры или заглавные буквы A-Z, 3 цифры."},
    Sentence{"a KPP of zeros is nobody's", "КПП из нулей не бывает."},
    Sentence{"an OGRN has 13 digits, an OGRNIP 15", "В ОГРН 13 цифр, в ОГРНИП 15."},
    Sentence{"an OGRN has digits only", "В ОГРН только цифры."},
    Sentence{"an OGRN of zeros is nobody's", "ОГРН из нулей не бывает."},
    Sentence{"the check digit of the OGRN does not fit", "Контрольная цифра ОГРН не сходится."},
    Sentence{"an OKPO has 8 or 10 digits", "В ОКПО 8 или 10 цифр."},
    Sentence{"an OKPO has digits only", "В ОКПО только цифры."},
    Sentence{"an OKPO of zeros is nobody's", "ОКПО из нулей не бывает."},
    Sentence{"the check digit of the OKPO does not fit", "Контрольная цифра ОКПО не сходится."},
    Sentence{"a GLN has 13 digits", "В GLN 13 цифр."},
    Sentence{"a GLN has digits only", "В GLN только цифры."},
    Sentence{"a GLN of zeros is nobody's", "GLN из нулей не бывает."},
    Sentence{"the check digit of the GLN does not fit", "Контрольная цифра GLN не сходится."},
    Sentence{"a BIK has 9 digits", "В БИК 9 цифр."},
    Sentence{"a BIK has digits only", "В БИК только цифры."},
    Sentence{"a BIK of zeros is nobody's", "БИК из нулей не бывает."},
    Sentence{"a settlement account has 20 digits", "В расчётном счёте 20 цифр."},
    Sentence{"a settlement account has digits only", "В расчётном счёте только цифры."},
    Sentence{"a settlement account of zeros is nobody's", "Счёта из нулей не бывает."},
    Sentence{"the settlement account does not fit the BIK: one of the two is wrong",
             "Расчётный счёт не сходится с БИК: ошибка в одном из них."},
    Sentence{"a correspondent account has 20 digits", "В корреспондентском счёте 20 цифр."},
    Sentence{"a correspondent account has digits only", "В корреспондентском счёте только цифры."},
    Sentence{"a correspondent account of zeros is nobody's", "Счёта из нулей не бывает."},
    Sentence{"the correspondent account does not fit the BIK: one of the two is wrong",
             "Корреспондентский счёт не сходится с БИК: ошибка в одном из них."},
    Sentence{"an INN of 12 digits goes with an OGRNIP of 15 digits",
             "К ИНН из 12 цифр относится ОГРНИП из 15."},
    Sentence{"an INN of 10 digits goes with an OGRN of 13 digits",
             "К ИНН из 10 цифр относится ОГРН из 13."},
    Sentence{"an entrepreneur has no KPP", "У предпринимателя нет КПП."},
    // Rules of the concepts: store/model.
    Sentence{"An entrepreneur or a person has no KPP.",
             "У предпринимателя и физического лица нет КПП."},
    Sentence{"A contact needs a full name, an e-mail address or a phone.",
             "Контакту нужно имя, адрес электронной почты или телефон."},
    Sentence{"The task is done once the mail leaves the quarantine: retry, release or discard it "
             "there.",
             "Задача завершится, когда письмо покинет карантин: повторите, выпустите или отклоните "
             "его там."},
    Sentence{"The task takes an outcome and a comment.",
             "У задачи есть решение и комментарий, больше ничего."},
    Sentence{"The record is in status {}, where it does not ask this.",
             "Запись в статусе {}, в котором об этом не спрашивают."},
    Sentence{"Outcomes are a list of at most {} objects with id, ru and en, each a text of at most "
             "{} bytes, no id twice.",
             "outcomes — список, не больше {} объектов с id, ru и en, каждый — текст не длиннее {} "
             "байт, id не повторяются."},
    Sentence{"Name one assignee, a user or a group.",
             "Укажите одного исполнителя: пользователя или группу."},
    Sentence{"Name one performer, a user or a group.",
             "Укажите одного исполнителя: пользователя или группу."},
    Sentence{"A reminder needs a time.", "Напоминанию нужно время."},
    Sentence{"Only comments and assignments are in status created.",
             "В статусе created бывают только комментарии и поручения."},
    Sentence{"Only e-mails and calls have a direction.",
             "Направление есть только у писем и звонков."},
    Sentence{"It has become the main one since the merge.",
             "После объединения основной стала она."},
    Sentence{"Only its initiator answers for a support request.",
             "За заявку отвечает только её инициатор."},
    Sentence{"A stage that is not done has no time of it.",
             "У невыполненного этапа нет времени выполнения."},
    Sentence{"It follows its call: change that activity.",
             "Он повторяет звонок: измените саму активность."},
    Sentence{"Several records have this number: name the one that was called.",
             "Этот номер есть у нескольких записей: укажите, кому звонили."},
    Sentence{"A field of type enum lists its values.", "Поле типа enum перечисляет свои значения."},
    Sentence{"Only a field of type enum has values.", "Значения есть только у поля типа enum."},
    Sentence{"Only fields of kind custom have a section.",
             "Раздел есть только у полей записей разделов (custom)."},
    Sentence{"Who may write a section may read it.", "Кто изменяет раздел, тот его и видит."},
    Sentence{"This is no filter.", "Это не фильтр."},
    Sentence{"One field for a column.", "В колонке одно поле."},
    Sentence{R"(Expected an object: {"FILTER": "VALUE"}.)",
             R"(Нужен объект: {"ФИЛЬТР": "ЗНАЧЕНИЕ"}.)"},
    Sentence{R"(Expected a list of {"field": "NAME", "visible": true, "width": 120}.)",
             R"(Нужен список из {"field": "ИМЯ", "visible": true, "width": 120}.)"},
    Sentence{R"(Expected a list of texts: ["-created_at", "name"].)",
             R"(Нужен список текстов: ["-created_at", "name"].)"},
    Sentence{R"(Expected a list of texts: ["status"].)", R"(Нужен список текстов: ["status"].)"},
    Sentence{"At most {} columns.", "Не больше {} колонок."},
    Sentence{"There is no such section; sections: {}.", "Такого раздела нет; есть: {}."},
    Sentence{"There is no such filter; filters: {}.", "Такого фильтра нет; есть: {}."},
    Sentence{"Expected a text, as in the URL of the list.", "Нужен текст, как в адресе списка."},
    Sentence{"At most {} filters.", "Не больше {} фильтров."},
    Sentence{"There is no such kind of record; kinds: {}.", "Таких записей нет; есть: {}."},
    Sentence{"This field cannot be asked for; those that can: {}.",
             "Это поле нельзя сделать обязательным; можно: {}."},
    Sentence{"A document of type {} has no status {}.", "У документа типа {} нет статуса {}."},
    Sentence{"A folder name has no slashes.", "В имени папки нет косых черт."},
    Sentence{"A disqualified lead needs a reason.", "Дисквалифицированному лиду нужна причина."},
    Sentence{"A lead becomes a deal only with a counterparty.",
             "Лид становится сделкой только с контрагентом."},
    Sentence{"A sender is an address, @domain, or unknown for whoever the CRM does not know.",
             "Отправитель: адрес, @домен или unknown для всех, кого CRM не знает."},
    Sentence{"A support request does not go from {} to {}.",
             "Заявка не переходит из статуса {} в {}."},
    Sentence{"A support request has one initiator: a user, a contact or a portal account.",
             "У заявки один инициатор: пользователь, контакт или учётная запись портала."},
    // Rights and states.
    Sentence{"Only the commercial director and CRM administrators assign the responsible person "
             "({}).",
             "Ответственного назначают только коммерческий директор и администраторы CRM ({})."},
    Sentence{"Only CRM administrators set {}.", "Поле {} задают только администраторы CRM."},
    Sentence{"Only CRM administrators see deleted records.",
             "Удалённые записи видят только администраторы CRM."},
    Sentence{"Status {} is set and left by CRM administrators and import only.",
             "Статус {} ставят и снимают только администраторы CRM и импорт."},
    Sentence{"You may read {} {}, but not add to it.",
             "Вы можете читать {} {}, но не добавлять к записи."},
    Sentence{"You may read this {}, but not change it.",
             "Вы можете читать эту запись ({}), но не менять её."},
    Sentence{"You may not create a {}.", "Вам нельзя создавать такие записи: {}."},
    Sentence{"There is no {}, or you may not see it.",
             "Такой записи нет, или вам её не видно: {}."},
    Sentence{"The {} is at version {}, not {}: read it again.",
             "Запись ({}) уже в версии {}, а не {}: прочитайте её снова."},
    Sentence{"send If-Match with the ETag of the record as you read it",
             "пришлите If-Match с ETag записи, какой вы её прочитали"},
    Sentence{"Counterparty {} has the same INN and KPP.", "У контрагента {} те же ИНН и КПП."},
    Sentence{"Counterparty {} has the same name key.", "У контрагента {} то же название."},
    Sentence{"{} is in use; it can only be deactivated.",
             "{} используется; можно только отключить."},
    Sentence{"The record is not deleted.", "Запись не удалена."},
    Sentence{"The body must be a JSON object.", "Тело запроса должно быть объектом JSON."},
    // Messages to people outside: store/operations/order_message.cpp, message_template.cpp.
    Sentence{"The message cannot be sent as asked.", "Сообщение нельзя отправить в таком виде."},
    Sentence{"A message has no such field.", "У сообщения нет такого поля."},
    Sentence{"One of email, telegram, sms.", "Одно из: email, telegram, sms."},
    Sentence{"One of service, reminder, promo, support_reply.",
             "Одно из: service, reminder, promo, support_reply."},
    Sentence{"ru or en.", "ru или en."},
    Sentence{"Either a template, or subject and text.", "Либо шаблон, либо тема и текст."},
    Sentence{"Either a template, or a text.", "Нужен либо шаблон, либо текст."},
    Sentence{"A Message-ID such as <id@host.example>.",
             "Ожидается Message-ID вида <id@host.example>."},
    Sentence{"Say whom it is for or what it is about: counterparty_id, contact_id or record_id.",
             "Укажите, кому или о чём сообщение: counterparty_id, contact_id или record_id."},
    Sentence{"There is no such record.", "Такой записи нет."},
    Sentence{"There is no such version of a document.", "Такой версии документа нет."},
    Sentence{"At most {} attachments.", "Не больше {} вложений."},
    Sentence{"At most {} placeholders.", "Не больше {} полей."},
    Sentence{"The template is for {}.", "Этот шаблон для канала {}."},
    Sentence{"Neither the contact nor the customer has an address of this channel.",
             "Ни у контактного лица, ни у клиента нет адреса для этого канала."},
    Sentence{"This is no mail address.", "Это не адрес электронной почты."},
    Sentence{"A number as in E.164: +79990000001.", "Ожидается номер вида +79990000001 (E.164)."},
    Sentence{"The number of a chat, or @name.", "Ожидается номер чата или @имя."},
    Sentence{"A mail has a subject.", "У письма должна быть тема."},
    Sentence{"There is nothing in the text.", "Текст пуст."},
    Sentence{"The channel {} is not set up.", "Канал {} не настроен."},
    Sentence{"Message {} was queued with this key before.",
             "С этим ключом уже поставлено в очередь сообщение {}."},
    Sentence{"You may read this record, but not write to its people.",
             "Вы можете читать эту запись, но не писать её людям."},
    Sentence{"You may read this message, but not change it.",
             "Вы можете читать это сообщение, но не менять его."},
    Sentence{"Portal users do not send messages.", "Пользователи портала не отправляют сообщений."},
    Sentence{"There is no message {}.", "Сообщения {} нет."},
    Sentence{"Only a queued message can be canceled; this one is {}.",
             "Отменить можно только сообщение в очереди; это в состоянии {}."},
    Sentence{"Only a message that was not sent can be sent again; this one is {}.",
             "Отправить снова можно только неотправленное сообщение; это в состоянии {}."},
    Sentence{"The message cannot be made of the template.",
             "Сообщение нельзя составить по этому шаблону."},
    Sentence{"There is no such template in use.", "Такого действующего шаблона нет."},
    Sentence{"The template has no such placeholder.", "В шаблоне нет такого поля."},
    Sentence{"Expected a string.", "Ожидается строка."},
    Sentence{"\"{}\": a name is a lower-case word of a-z, 0-9 and _, and not one of contact, "
             "counterparty, sender.",
             "\"{}\": имя поля пишется строчными a-z, 0-9 и _, и это не contact, counterparty, "
             "sender."},
    Sentence{"\"{}\" stands there twice.", "\"{}\" указано дважды."},
    // What is looked up elsewhere: api/lookup_routes.cpp, adapters/dadata*.cpp.
    Sentence{"No register of companies is connected.", "Справочник организаций не подключён."},
    Sentence{"DaData is switched off in the settings", "DaData выключена в настройках."},
    Sentence{"What webhooks are signed with is sealed under a key that is not set: name one in "
             "webhooks.key_file.",
             "Секреты вебхуков хранятся зашифрованными, а ключ для этого не задан: укажите его в "
             "webhooks.key_file."},
    Sentence{"DaData is off: no API key is set", "DaData выключена: не задан ключ API."},
    Sentence{"cleaning is off: it is paid for, so dadata.cleaning must say true",
             "Стандартизация выключена: она платная, включает её dadata.cleaning = true."},
    Sentence{"cleaning and usage of DaData are off: no secret key is set",
             "Стандартизация выключена: не задан секретный ключ DaData."},
    Sentence{"DaData knows nothing of that", "DaData об этом ничего не знает."},
    Sentence{"dadata knows nothing of it", "DaData об этом ничего не знает."},
    Sentence{"no connection to DaData was free in time",
             "Все соединения с DaData заняты, повторите позже."},
    Sentence{"no address was recognised", "Адрес не распознан."},
    Sentence{"no phone was recognised for sure", "Телефон не распознан с уверенностью."},
    Sentence{"q is a text of 1 to 300 characters", "q: текст от 1 до 300 знаков."},
    Sentence{"limit is a number between 1 and {}", "limit: число от 1 до {}."},
    Sentence{"The body is not as it should be.", "Тело запроса составлено неверно."},
    Sentence{"Known here: {}", "Здесь есть поля: {}"},
    Sentence{"Expected a text of 1 to 300 characters.", "Ожидается текст от 1 до 300 знаков."},
    Sentence{"Either address or phone.", "Нужно одно из двух: address или phone."},
    // Many rows.
    Sentence{"{} of {} rows cannot be accepted, so nothing was stored; see errors.",
             "Не приняты строки: {} из {}, поэтому ничего не сохранено; см. errors."},
    Sentence{"the rows are not written as they should be; see errors",
             "строки записаны не так, как нужно; см. errors"},
    Sentence{"A row is an object with create, update or upsert.",
             "Строка: объект с create, update или upsert."},
    Sentence{"A row is one of create, update and upsert, as far as the resource has it.",
             "Строка: что-то одно из create, update и upsert, если у записей это есть."},
    Sentence{"Not a member of such a row.", "В такой строке этого не бывает."},
    Sentence{"The id of the record.", "Нужен id записи."},
    Sentence{"The natural key, such as inn:7707083893.", "Нужен ключ, например inn:7707083893."},
    Sentence{"Send the row_version of the record as you read it, or \"*\" for any.",
             "Пришлите row_version записи, какой вы её прочитали, или \"*\" для любой."},
    Sentence{"The path says {}; leave it out, or send the same.",
             "В пути указано {}; уберите поле или пришлите то же."},
    Sentence{"the row has {} cells, the header {}", "в строке {} ячеек, в заголовке {}"},
    Sentence{"the row has no value of its key: {}", "в строке нет значения ключа: {}"},
};

constexpr std::array kWords = {
    Sentence{"array", "список"},
    Sentence{"boolean", "true или false"},
    Sentence{"number", "число"},
    Sentence{"object", "объект"},
    Sentence{"string", "строка"},
    Sentence{"null", "null"},
    Sentence{"string with a decimal number", "строка с десятичным числом"},
};

constexpr std::array<std::pair<ErrorCode, std::string_view>, 18> kTitles = {{
    {ErrorCode::invalid_request, "Неверный запрос"},
    {ErrorCode::unauthenticated, "Нет входа"},
    {ErrorCode::forbidden, "Запрещено"},
    {ErrorCode::not_found, "Не найдено"},
    {ErrorCode::method_not_allowed, "Метод не поддерживается"},
    {ErrorCode::conflict, "Противоречие"},
    {ErrorCode::precondition_failed, "Условие не выполнено"},
    {ErrorCode::payload_too_large, "Слишком большой запрос"},
    {ErrorCode::unsupported_media_type, "Неизвестный вид содержимого"},
    {ErrorCode::validation_failed, "Данные не приняты"},
    {ErrorCode::malformed_message, "Письмо не разобрать"},
    {ErrorCode::precondition_required, "Нужно условие"},
    {ErrorCode::rate_limited, "Слишком много запросов"},
    {ErrorCode::upstream_auth, "Внешняя служба не впустила"},
    {ErrorCode::upstream_rejected, "Внешняя служба отказала"},
    {ErrorCode::unavailable, "Временно недоступно"},
    {ErrorCode::timeout, "Время вышло"},
    {ErrorCode::internal, "Внутренняя ошибка"},
}};

// What stands for the placeholders; nullopt where the sentence is another one. The fixed parts of
// the pattern are found from the left; the last one must end the sentence.
std::optional<std::vector<std::string_view>> match(std::string_view pattern,
                                                   std::string_view text) {
  std::vector<std::string_view> values;
  for (;;) {
    const std::size_t open = pattern.find('{');
    if (open == std::string_view::npos) {
      if (text != pattern) return std::nullopt;
      return values;
    }
    if (!text.starts_with(pattern.substr(0, open))) return std::nullopt;
    text.remove_prefix(open);
    pattern.remove_prefix(pattern.find('}', open) + 1);
    const std::string_view next = pattern.substr(0, pattern.find('{'));
    const bool last = next.size() == pattern.size();
    std::size_t end = next.empty() ? text.size() : text.find(next);
    if (last && !next.empty() && text.ends_with(next)) end = text.size() - next.size();
    if (end == std::string_view::npos) return std::nullopt;
    values.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

std::string_view word(std::string_view english) {
  const auto* found = std::ranges::find(kWords, english, &Sentence::english);
  return found == kWords.end() ? english : found->russian;
}

std::string filled(std::string_view russian, const std::vector<std::string_view>& values) {
  std::string text;
  std::size_t next = 0;
  while (!russian.empty()) {
    const std::size_t open = russian.find('{');
    text += russian.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = russian.find('}', open);
    const bool translated = close - open > 1;
    if (next < values.size()) text += translated ? word(values[next]) : values[next];
    ++next;
    russian.remove_prefix(close + 1);
  }
  return text;
}

std::optional<std::string> translated(std::string_view english) {
  for (const Sentence& sentence : kSentences) {
    if (const auto values = match(sentence.english, english)) {
      return filled(sentence.russian, *values);
    }
  }
  return std::nullopt;
}

}  // namespace

bool wants_russian(const Request& request) {
  if (const auto lang = request.query_value("lang")) return *lang == "ru";
  for (const auto entry : split(request.header("accept-language").value_or(""), ',')) {
    const auto tag = trimmed(entry.substr(0, entry.find(';')));
    if (equal_ignoring_case(tag.substr(0, 2), "ru")) return true;
    if (equal_ignoring_case(tag.substr(0, 2), "en")) return false;
  }
  return false;
}

std::string in_russian(std::string_view english) {
  return translated(english).value_or(std::string(english));
}

Error in_russian(Error error) {
  error.detail = in_russian(error.detail);
  for (FieldError& field : error.fields) {
    auto sentence = translated(field.detail);
    field.detail = sentence ? std::move(*sentence) : "Значение не принято: " + field.detail;
  }
  return error;
}

std::string_view russian_title(ErrorCode code) {
  return std::ranges::find(kTitles, code, &std::pair<ErrorCode, std::string_view>::first)->second;
}

}  // namespace c360::api
